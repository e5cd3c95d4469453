"""Failures counted apart from waiting; indexes for what is open and for what may be forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.create_index("ix_outbox_open", "outbox", ["topic"], postgresql_where=sa.text("state <> 'done'"))
    op.create_index(
        "ix_outbox_finished", "outbox", ["finished_at"], postgresql_where=sa.text("state = 'done'")
    )


def downgrade() -> None:
    op.drop_index("ix_outbox_finished", table_name="outbox")
    op.drop_index("ix_outbox_open", table_name="outbox")
    op.drop_column("outbox", "failures")
