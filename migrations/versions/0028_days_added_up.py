"""The figures of a day are added up from what is of that day, however much there is."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_BALANCED = """
CREATE OR REPLACE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM ledger_transfers t
    JOIN ledger_postings p ON p.transfer_id = t.id
    JOIN ledger_accounts a ON a.id = p.account_id
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
_BEFORE = """
CREATE OR REPLACE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id
    WHERE p.transfer_id = NEW.transfer_id GROUP BY a.currency HAVING sum(p.amount_cents) <> 0
  ) THEN
    RAISE EXCEPTION 'transfer % does not sum to zero', NEW.transfer_id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    # Transfers of the past are left as they were: their postings tell.
    op.add_column("ledger_transfers", sa.Column("float_id", sa.BigInteger(), nullable=True))
    op.add_column("ledger_transfers", sa.Column("float_cents", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_ledger_transfers_float"),
        "ledger_transfers",
        "(float_id IS NULL) = (float_cents IS NULL) AND float_cents <> 0",
    )
    op.execute(_BALANCED)
    op.create_index("ix_registry_postings_paid", "registry_postings", ["paid_at"])
    op.execute("ALTER INDEX ix_wallet_lines_at SET (autosummarize = on)")
    op.execute("SELECT brin_summarize_new_values('ix_wallet_lines_at')")


def downgrade() -> None:
    op.execute("ALTER INDEX ix_wallet_lines_at RESET (autosummarize)")
    op.execute(_BEFORE)
    op.drop_constraint(op.f("ck_ledger_transfers_float"), "ledger_transfers")
    op.drop_column("ledger_transfers", "float_cents")
    op.drop_column("ledger_transfers", "float_id")
    op.drop_index("ix_registry_postings_paid", "registry_postings")
