"""The country, its money and its clock stay with the data: under others the same would mean another thing.

And who asks for a change of phone is told of it in the language in which they asked.
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fixed_settings",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_fixed_settings")),
    )
    op.add_column("phone_changes", sa.Column("new_language", sa.String(8), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("phone_changes", "new_language")
    op.drop_table("fixed_settings")
