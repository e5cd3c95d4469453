"""Each key leaves a proof behind: with others the same data would look as if nobody had ever joined."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "key_proofs",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("proof", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("key_proofs")
