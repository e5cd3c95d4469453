"""Due rows that wait for nobody have an index of their own; those in an order are found by their key."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NAME = "ix_outbox_due"


def upgrade() -> None:
    op.drop_index(NAME, table_name="outbox")
    op.create_index(
        NAME, "outbox", ["due_at", "id"], postgresql_where=sa.text("state = 'pending' AND order_key = ''")
    )


def downgrade() -> None:
    op.drop_index(NAME, table_name="outbox")
    op.create_index(NAME, "outbox", ["due_at"], postgresql_where=sa.text("state = 'pending'"))
