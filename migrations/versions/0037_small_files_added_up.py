"""What one person's earlier files have told alone within a day counts beside the file that is held."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "statement_imports",
        sa.Column("alone_before_cents", sa.BigInteger(), server_default="0", nullable=False),
    )


def downgrade() -> None:
    op.drop_column("statement_imports", "alone_before_cents")
