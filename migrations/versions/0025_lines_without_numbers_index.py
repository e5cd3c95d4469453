"""Wallet lines have one B-tree less: nothing is looked up by their numbers."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_NATURAL = ["receipt", "row_key", "shortcode", "wallet"]


def upgrade() -> None:
    op.drop_constraint("pk_wallet_lines", "wallet_lines")
    op.drop_constraint("uq_wallet_lines_receipt_row_key_shortcode_wallet", "wallet_lines")
    op.create_primary_key("pk_wallet_lines", "wallet_lines", _NATURAL)


def downgrade() -> None:
    op.drop_constraint("pk_wallet_lines", "wallet_lines")
    op.create_primary_key("pk_wallet_lines", "wallet_lines", ["id"])
    op.create_unique_constraint("uq_wallet_lines_receipt_row_key_shortcode_wallet", "wallet_lines", _NATURAL)
