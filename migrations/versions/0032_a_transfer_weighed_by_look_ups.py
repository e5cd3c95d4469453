"""A transfer is weighed by looking its accounts up, however many there are and whatever the planner thinks."""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_REFUSE_UNBALANCED = """
CREATE OR REPLACE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql
{setting}AS $$
BEGIN
  IF EXISTS (
    SELECT FROM ledger_transfers t
    JOIN ledger_postings p ON p.transfer_id = t.id
    {accounts}
    WHERE t.id = NEW.transfer_id GROUP BY a.currency
    HAVING sum(p.amount_cents) <> 0
      OR bool_or((a.kind = 'wallet_float') <> (a.id = t.float_id AND p.amount_cents = t.float_cents))
      OR max(t.float_id) IS NOT NULL AND count(*) FILTER (WHERE a.kind = 'wallet_float') <> 1
  ) THEN
    RAISE EXCEPTION 'transfer % does not sum to zero, or says something else of its float', NEW.transfer_id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_LOOKED_UP = (
    "CROSS JOIN LATERAL (SELECT id, kind, currency FROM ledger_accounts WHERE id = p.account_id LIMIT 1) a"
)
_JOINED = "JOIN ledger_accounts a ON a.id = p.account_id"


def upgrade() -> None:
    op.execute(_REFUSE_UNBALANCED.format(setting="SET enable_seqscan = off ", accounts=_LOOKED_UP))


def downgrade() -> None:
    op.execute(_REFUSE_UNBALANCED.format(setting="", accounts=_JOINED))
