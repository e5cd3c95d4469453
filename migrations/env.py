"""Runs migrations on the connection it is given; see `operations/migrate.py`."""

from alembic import context
from sqlalchemy import Connection

from core.database import Base

connection: Connection | None = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("run migrations through `bin/kibaba migrate`")
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
