"""Brings a database to the newest migration; any number of callers may try at the same time."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from operations.state import REPOSITORY
from operations.trouble import TroubleError

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
        current = _revision(connection)
    engine.dispose()
    return newest() != current


def newest() -> str:
    """The newest migration of this release."""
    head = _scripts().get_current_head()
    assert head is not None
    return head


def is_known(revision: str) -> bool:
    """Whether this release has the migration."""
    try:
        return _scripts().get_revision(revision) is not None
    except CommandError:
        return False


def bring_to(connection: Connection, revision: str) -> None:
    """Take the database up or down to a known migration, within the transaction that is open."""
    current = _revision(connection)
    url = connection.engine.url.render_as_string(hide_password=False)
    passed = _scripts().iterate_revisions(current, "base") if current else ()
    if any(script.revision == revision for script in passed):
        command.downgrade(_config(url, connection), revision)
    else:
        command.upgrade(_config(url, connection), revision)


def check_migrations(database_url: str) -> None:
    """Raises TroubleError when the database lacks a migration."""
    if pending(database_url):
        raise TroubleError("the database is not at the newest migration; run bin/kibaba migrate")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(REPOSITORY / "migrations"))


def _config(database_url: str, connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(REPOSITORY / "migrations"))
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
