"""Who signs out ends the session wherever its cookie was copied to."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "staff_ended_sessions",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_ended_sessions")),
    )
    op.create_index("ix_staff_ended_sessions_ended_at", "staff_ended_sessions", ["ended_at"])


def downgrade() -> None:
    op.drop_table("staff_ended_sessions")
