"""Lines that say more than a receipt, and reversals, are found by their time: the others are never applied."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_wallet_lines_telling",
        "wallet_lines",
        ["wallet", "shortcode", "at"],
        postgresql_where=sa.text("particulars IS NOT NULL"),
    )
    op.create_index(
        "ix_wallet_lines_reversals",
        "wallet_lines",
        ["wallet", "shortcode", "at"],
        postgresql_where=sa.text("kind = 'reversal'"),
    )


def downgrade() -> None:
    op.drop_index("ix_wallet_lines_reversals", table_name="wallet_lines")
    op.drop_index("ix_wallet_lines_telling", table_name="wallet_lines")
