"""One database per test process, from a template built once per run, and emptied before each test."""

import importlib
import os
import pkgutil
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

import core
from core.database import Base, make_engine
from core.vault import Vault
from tests.servers import REPOSITORY, run_directory, run_id, run_lock

# Rows that migrations put in are kept here and put back when a test has emptied everything.
PRISTINE = "pristine"


def own_database(server: URL, vault: Vault) -> URL:
    """Make this process's database from the run's template, which is built when missing."""
    template = f"kibaba_test_{run_id()}_template"
    name = f"kibaba_test_{run_id()}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with run_lock(), connect(server) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (template,)).fetchone()
        if found is None:
            unfinished = f"{template}_unfinished"
            _drop(connection, unfinished)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unfinished)))
            build_tables(server.set(database=unfinished), vault)
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            connection.execute(rename.format(sql.Identifier(unfinished), sql.Identifier(template)))
            (run_directory() / "template").write_text(template)
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    own = server.set(database=name)
    with connect(own) as connection:
        _remember_rows(connection)
    return own


def drop_database(server: URL, name: str) -> None:
    with connect(server) as connection:
        _drop(connection, name)


def build_tables(url: URL, vault: Vault) -> None:
    """Every table of every room: by the migrations when there are any, else from the models."""
    if list((REPOSITORY / "migrations" / "versions").glob("*.py")):
        migrate = importlib.import_module("operations.migrate")
        migrate.migrate(text_of(url))
        return
    import_tables()
    engine = make_engine(text_of(url), vault, pooled=False)
    Base.metadata.create_all(engine)
    engine.dispose()


def import_tables() -> None:
    """Import every module that declares tables: those of `core`, and `tables.py` in each room."""
    for module in pkgutil.iter_modules(core.__path__, "core."):
        importlib.import_module(module.name)
    for path in sorted(REPOSITORY.glob("*/**/tables.py")):
        parts = path.relative_to(REPOSITORY).with_suffix("").parts
        if not parts[0].startswith("."):
            importlib.import_module(".".join(parts))


def empty(database: URL) -> None:
    """Leave `database` as the migrations made it. About 3 ms; a fresh database from the template takes 50."""
    with connect(database) as connection:
        # A connection that an earlier test left open could hold locks.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        # Append-only tables refuse DELETE by a trigger; in this role triggers rest.
        connection.execute("SET session_replication_role = replica")
        tables = [name for (name,) in connection.execute(_TABLES)]
        commands = [sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in tables]
        commands += [
            sql.SQL("ALTER SEQUENCE {} RESTART").format(sql.Identifier(name))
            for (name,) in connection.execute(_USED_SEQUENCES)
        ]
        commands += [
            sql.SQL("INSERT INTO {} OVERRIDING SYSTEM VALUE SELECT * FROM {}").format(
                sql.Identifier(name), sql.Identifier(PRISTINE, name)
            )
            for (name,) in connection.execute(_PRISTINE_TABLES, (PRISTINE,))
        ]
        if commands:
            connection.execute(sql.SQL("; ").join(commands))


_TABLES = (
    "SELECT tablename FROM pg_tables "
    "WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY tablename"
)
_USED_SEQUENCES = (
    "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
)
_PRISTINE_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = %s"


def _remember_rows(connection: psycopg.Connection) -> None:
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(PRISTINE)))
    for (name,) in connection.execute(_TABLES).fetchall():
        table = sql.Identifier(name)
        if connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(table)).fetchone():
            copy = sql.SQL("CREATE TABLE {} AS TABLE {}")
            connection.execute(copy.format(sql.Identifier(PRISTINE, name), table))


def _drop(connection: psycopg.Connection, name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def connect(url: URL) -> psycopg.Connection:
    """A plain connection that commits each statement."""
    return psycopg.connect(text_of(url.set(drivername="postgresql")), autocommit=True)


def text_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def drop_template(server: str) -> None:
    """At the end of a run on a server that outlives it."""
    note: Path = run_directory() / "template"
    if note.exists():
        drop_database(make_url(server), note.read_text())


def is_kept_waiting(session: Session) -> bool:
    """Whether somebody waits for what this session's transaction holds."""
    count = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )
    return bool(session.scalar(text(count)))
