"""One payment for several members: parts of receipts, which sum to the whole, and decisions that make them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_ACTS = ("match", "suspend", "refund", "write_off", "repost", "explain", "undo")
_ACTS_NOW = ("match", "split", "suspend", "refund", "write_off", "repost", "explain", "undo")
_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_other_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  whole_id uuid := coalesce(NEW.part_of, NEW.id);
  wanted bigint;
  found bigint;
BEGIN
  SELECT CASE WHEN staff_place = 'split' THEN amount_cents ELSE 0 END INTO wanted
  FROM receipts WHERE id = whole_id;
  SELECT coalesce(sum(amount_cents), 0) INTO found
  FROM receipts WHERE part_of = whole_id AND coalesce(staff_place, '') NOT IN ('split', 'rejoined');
  IF found <> wanted THEN
    RAISE EXCEPTION 'parts of receipt % sum to % and not %', whole_id, found, wanted
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.add_column("receipts", sa.Column("part_of", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_receipts_part_of_receipts"), "receipts", "receipts", ["part_of"], ["id"])
    only_parts = sa.text("part_of IS NOT NULL")
    op.create_index("ix_receipts_parts", "receipts", ["part_of"], postgresql_where=only_parts)
    op.create_index(
        "ix_receipts_parts_day",
        "receipts",
        ["wallet", "shortcode", "paid_at"],
        postgresql_where=only_parts,
    )
    op.execute(_FUNCTION)
    op.execute(
        "CREATE CONSTRAINT TRIGGER part_of_whole AFTER INSERT OR UPDATE ON receipts "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.part_of IS NOT NULL) "
        "EXECUTE FUNCTION refuse_other_parts()"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER whole_of_parts AFTER UPDATE ON receipts DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW WHEN (OLD.staff_place = 'split' OR NEW.staff_place = 'split') "
        "EXECUTE FUNCTION refuse_other_parts()"
    )
    op.add_column("decisions", sa.Column("shares", postgresql.JSONB(), server_default="[]", nullable=False))
    _allow(_ACTS_NOW)


def _allow(acts: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_decisions_act"), "decisions")
    named = ", ".join(f"'{act}'" for act in acts)
    op.create_check_constraint(op.f("ck_decisions_act"), "decisions", f"act IN ({named})")


def downgrade() -> None:
    # Where payments are split already this is refused: nothing is forgotten of what staff did.
    _allow(_ACTS)
    op.drop_column("decisions", "shares")
    op.execute("DROP TRIGGER whole_of_parts ON receipts")
    op.execute("DROP TRIGGER part_of_whole ON receipts")
    op.execute("DROP FUNCTION refuse_other_parts()")
    op.drop_index("ix_receipts_parts_day", "receipts")
    op.drop_index("ix_receipts_parts", "receipts")
    op.drop_constraint(op.f("fk_receipts_part_of_receipts"), "receipts")
    op.drop_column("receipts", "part_of")
