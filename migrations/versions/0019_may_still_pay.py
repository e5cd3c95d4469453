"""A prompt that failed with a code after which money has been seen to move is remembered as such."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "contributions", sa.Column("may_still_pay", sa.Boolean(), server_default="false", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("contributions", "may_still_pay")
