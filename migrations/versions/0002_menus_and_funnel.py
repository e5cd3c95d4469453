"""Menu definitions that sessions began with, and the funnel of screens."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COUNTS = ("entered", "answered", "invalid", "left", "abandoned", "resumed", "ended", "timed")


def upgrade() -> None:
    op.create_table(
        "menu_definitions",
        sa.Column("hash", sa.String(length=12), nullable=False),
        sa.Column("packed", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_menu_definitions")),
    )
    op.create_table(
        "menu_funnel",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("screen", sa.String(length=60), nullable=False),
        sa.Column("graph", sa.String(length=12), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("network", sa.String(length=20), nullable=False),
        *(sa.Column(name, sa.Integer(), server_default="0", nullable=False) for name in COUNTS),
        sa.Column("milliseconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("day", "screen", "graph", "language", "network", name=op.f("pk_menu_funnel")),
    )


def downgrade() -> None:
    op.drop_table("menu_funnel")
    op.drop_table("menu_definitions")
