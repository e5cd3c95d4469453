"""One table, so that there is something to migrate, and that of the keys, which the launcher looks at."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("CREATE TABLE kept (word text)")
    op.execute("CREATE TABLE key_proofs (name text PRIMARY KEY, proof text)")
    op.execute("CREATE TABLE fixed_settings (name text PRIMARY KEY, value text)")
    op.execute("CREATE TABLE members (name text)")
    op.execute("CREATE TABLE receipts (currency text)")
