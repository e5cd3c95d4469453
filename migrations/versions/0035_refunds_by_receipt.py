"""Refunds are found by their receipt, also those that failed: each page of a payment read all of them."""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_refunds_receipt", "refunds", ["receipt_id", "asked_at"])


def downgrade() -> None:
    op.drop_index("ix_refunds_receipt", table_name="refunds")
