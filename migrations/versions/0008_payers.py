"""An index on who paid: suggestions for money in suspense ask whom a phone paid for before."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_receipts_payer",
        "receipts",
        ["payer_index", "member_id"],
        postgresql_where=sa.text("payer_index IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_receipts_payer", table_name="receipts")
