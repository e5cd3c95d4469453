"""Postings keep when their money was paid: the registry hears of a member's payments in that order."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLE = "registry_postings"
INDEX = "ix_registry_postings_waiting"
WAITING = sa.text("transaction_id IS NULL AND state = 'pending'")


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE registry_postings SET paid_at = receipts.paid_at FROM receipts WHERE receipts.id = receipt_id"
    )
    op.alter_column(TABLE, "paid_at", nullable=False)
    op.drop_index(INDEX, table_name=TABLE)
    op.create_index(INDEX, TABLE, ["lane", "paid_at", "receipt_id"], postgresql_where=WAITING)


def downgrade() -> None:
    op.drop_index(INDEX, table_name=TABLE)
    op.create_index(INDEX, TABLE, ["lane", "created_at", "receipt_id"], postgresql_where=WAITING)
    op.drop_column(TABLE, "paid_at")
