"""Receipts are found by when they were told: a day of which one came late is compared again."""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_receipts_recorded",
        "receipts",
        ["recorded_at"],
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )


def downgrade() -> None:
    op.drop_index("ix_receipts_recorded", table_name="receipts")
