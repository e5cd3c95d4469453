"""Brings a database to the newest migration; any number of callers may try at the same time."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from operations.state import REPOSITORY

# Any number will do that nobody else uses; this one spells "kibaba" on a phone.
LOCK_KEY = 542_222


def migrate(database_url: str) -> tuple[str | None, str | None]:
    """Upgrade to the newest migration; returns the revision before and after. One at a time per database."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK_KEY})")
        before = _revision(connection)
        connection.commit()
        command.upgrade(_config(database_url, connection), "head")
        connection.commit()
        after = _revision(connection)
        connection.commit()
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({LOCK_KEY})")
    engine.dispose()
    return before, after


def downgrade(database_url: str) -> None:
    """Take back every migration, and every row with them."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        command.downgrade(_config(database_url, connection), "base")
        connection.commit()
    engine.dispose()


def pending(database_url: str) -> bool:
    """Whether the database lacks a migration."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        heads = ScriptDirectory.from_config(_config(database_url, connection)).get_current_head()
        current = _revision(connection)
    engine.dispose()
    return heads != current


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(database_url: str, connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(REPOSITORY / "migrations"))
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
