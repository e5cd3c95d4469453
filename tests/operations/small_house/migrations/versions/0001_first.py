"""One table, so that there is something to migrate."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("CREATE TABLE kept (word text)")
