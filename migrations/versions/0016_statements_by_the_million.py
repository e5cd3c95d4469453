"""Statements by the million: fewer indexes on wallet lines, and no second copy of what a receipt knows."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("wallet_lines", "particulars", nullable=True)
    op.drop_constraint("uq_wallet_lines_wallet_shortcode_row_key", "wallet_lines")
    op.drop_index("ix_wallet_lines_receipt", table_name="wallet_lines")
    op.drop_index("ix_wallet_lines_at", table_name="wallet_lines")
    op.create_unique_constraint(
        "uq_wallet_lines_receipt_row_key_shortcode_wallet",
        "wallet_lines",
        ["receipt", "row_key", "shortcode", "wallet"],
    )
    op.create_index("ix_wallet_lines_at", "wallet_lines", ["at"], postgresql_using="brin")
    op.create_index(
        "ix_wallet_lines_other",
        "wallet_lines",
        ["wallet", "shortcode", "at"],
        postgresql_where=sa.text("kind <> 'credit'"),
    )
    op.create_index(
        "ix_evidence_verdicts_duplicate",
        "evidence_verdicts",
        ["receipt_id"],
        postgresql_where=sa.text("verdict = 'duplicate'"),
    )


def downgrade() -> None:
    op.drop_index("ix_evidence_verdicts_duplicate", table_name="evidence_verdicts")
    op.drop_index("ix_wallet_lines_other", table_name="wallet_lines")
    op.drop_index("ix_wallet_lines_at", table_name="wallet_lines")
    op.drop_constraint("uq_wallet_lines_receipt_row_key_shortcode_wallet", "wallet_lines")
    op.create_index("ix_wallet_lines_at", "wallet_lines", ["wallet", "shortcode", "at"])
    op.create_index("ix_wallet_lines_receipt", "wallet_lines", ["wallet", "shortcode", "receipt"])
    op.create_unique_constraint(
        "uq_wallet_lines_wallet_shortcode_row_key", "wallet_lines", ["wallet", "shortcode", "row_key"]
    )
    op.execute("ALTER TABLE wallet_lines DISABLE TRIGGER append_only")
    op.execute("UPDATE wallet_lines SET particulars = '' WHERE particulars IS NULL")
    op.execute("ALTER TABLE wallet_lines ENABLE TRIGGER append_only")
    op.alter_column("wallet_lines", "particulars", nullable=False)
