"""Looked-up IDs that led to no membership are found by their age, to be forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_identity_checks_forgotten",
        "identity_checks",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("member_id IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_identity_checks_forgotten", table_name="identity_checks")
