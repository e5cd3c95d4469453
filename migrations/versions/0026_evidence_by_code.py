"""What speaks for or against a difference is found by the receipt code, however much there is."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_wallet_lines_linked",
        "wallet_lines",
        ["linked_receipt"],
        postgresql_where=sa.text("linked_receipt <> ''"),
    )
    op.create_index(
        "ix_evidence_verdicts_said",
        "evidence_verdicts",
        ["receipt"],
        postgresql_where=sa.text("receipt_id IS NULL AND receipt <> ''"),
    )


def downgrade() -> None:
    op.drop_index("ix_evidence_verdicts_said", "evidence_verdicts")
    op.drop_index("ix_wallet_lines_linked", "wallet_lines")
