"""Postings go in batches: a transaction id per batch instead of per receipt, and lanes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WAITING = sa.text("transaction_id IS NULL AND state = 'pending'")


def upgrade() -> None:
    table = "registry_postings"
    op.add_column(table, sa.Column("lane", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column(table, sa.Column("told_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column(table, "transaction_id", nullable=True)
    op.drop_constraint(op.f("uq_registry_postings_transaction_id"), table)
    op.create_index(op.f("ix_registry_postings_transaction_id"), table, ["transaction_id"])
    op.create_index(
        "ix_registry_postings_waiting", table, ["lane", "created_at", "receipt_id"], postgresql_where=WAITING
    )


def downgrade() -> None:
    table = "registry_postings"
    op.drop_index("ix_registry_postings_waiting", table_name=table)
    op.drop_index(op.f("ix_registry_postings_transaction_id"), table_name=table)
    # A batch has one id for all of it, which the older form does not allow.
    op.execute("UPDATE registry_postings SET transaction_id = receipt_id")
    op.create_unique_constraint(op.f("uq_registry_postings_transaction_id"), table, ["transaction_id"])
    op.alter_column(table, "transaction_id", nullable=False)
    op.drop_column(table, "told_at")
    op.drop_column(table, "lane")
