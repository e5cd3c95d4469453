"""A database of its own in which every table takes any row, with something in every sealed column."""

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg import sql
from redis import Redis
from sqlalchemy import ARRAY, Boolean, Column, Date, DateTime, Integer, String, Table, Uuid, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL

from core.clock import SystemClock
from core.database import Base, Encrypted, Sessions, make_engine, make_sessions
from core.vault import Vault
from operations.migrate import migrate
from operations.sealing.rotation import Rotated, Rotation
from tests.databases import connect, drop_database, import_tables, text_of

INDEX = b"i" * 40
OLD_KEY, NEW_KEY = b"o" * 40, b"n" * 40
OLD, NEW, BOTH = Vault([OLD_KEY], INDEX), Vault([NEW_KEY], INDEX), Vault([NEW_KEY, OLD_KEY], INDEX)
AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
_LOOSE = """
SELECT conrelid::regclass::text, conname FROM pg_constraint
WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace
"""


class SealedHouse:
    """A migrated database without checks and foreign keys, so that a row can be made up for any table."""

    def __init__(self, url: URL, redis: Redis) -> None:
        self.url = url
        self.redis = redis

    @contextmanager
    def sessions(self, vault: Vault) -> Iterator[Sessions]:
        """Sessions of a process with these keys; its connections are closed at the end."""
        engine = make_engine(text_of(self.url), vault)
        try:
            yield make_sessions(engine)
        finally:
            engine.dispose()

    def rotate(self, vault: Vault = BOTH) -> Rotated:
        with self.sessions(vault) as sessions:
            return Rotation(sessions, vault, self.redis, SystemClock(), lambda _: None).run()

    def fill(self, rows: int, vault: Vault = OLD) -> None:
        """So many rows in every table with a sealed column; the values say where they stand."""
        with self.sessions(vault) as sessions, sessions.begin() as session:
            for table in {column.table for column in encrypted_columns()}:
                session.execute(table.insert(), [made_up(table) for _ in range(rows)])

    def opened(self, vault: Vault) -> dict[str, list[str]]:
        """What is in each sealed column, as these keys open it."""
        with self.sessions(vault) as sessions, sessions.begin() as session:
            return {str(column): list(session.scalars(select(column))) for column in encrypted_columns()}

    def everything(self) -> dict[str, list[str]]:
        """Every row of every table as text, with its place."""
        with connect(self.url) as connection:
            names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            return {name: self._rows(connection, name) for (name,) in names.fetchall()}

    def put(self, table: str, column: str, value: str) -> None:
        """Into the first row of a table, past everything that seals."""
        change = sql.SQL("UPDATE {} SET {} = %s WHERE ctid = '(0,1)'")
        with connect(self.url) as connection:
            connection.execute(change.format(sql.Identifier(table), sql.Identifier(column)), (value,))

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        with connect(self.url) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @staticmethod
    def _rows(connection: psycopg.Connection, name: str) -> list[str]:
        rows = sql.SQL("SELECT t.ctid::text || t::text FROM {} AS t").format(sql.Identifier(name))
        return [row for (row,) in connection.execute(rows)]


@contextmanager
def sealed_house(server: URL, redis: Redis) -> Iterator[SealedHouse]:
    name = f"kibaba_sealed_{secrets.token_hex(6)}"
    with connect(server) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = server.set(database=name)
    try:
        migrate(text_of(url))
        with connect(url) as connection:
            # Foreign keys lean on each other's tables, not on each other.
            for table, constraint in connection.execute(_LOOSE).fetchall():
                drop = sql.SQL(f"ALTER TABLE {table} DROP CONSTRAINT {{}}")
                connection.execute(drop.format(sql.Identifier(constraint)))
        yield SealedHouse(url, redis)
    finally:
        drop_database(server, name)


def encrypted_columns() -> list[Column[Any]]:
    """Every one that any table declares, looked for in another way than the command looks."""
    import_tables()
    columns = [column for table in Base.metadata.tables.values() for column in table.columns]
    return [column for column in columns if isinstance(column.type, Encrypted)]


def made_up(table: Table) -> dict[str, Any]:
    """A row with everything in it that the table does not give itself."""
    return {
        column.name: _made_up(column)
        for column in table.columns
        if isinstance(column.type, Encrypted)
        or not (column.nullable or column.server_default or column.identity)
    }


def _made_up(column: Column[Any]) -> Any:
    kind = column.type
    if isinstance(kind, Encrypted):
        # Long enough, in some rows, to lie outside its row.
        return f"in {column} " + secrets.token_hex(secrets.choice((4, 4, 4, 4000)))
    if isinstance(kind, Uuid):
        return uuid.uuid4()
    values: dict[type[Any], Any] = {DateTime: AT, Date: date(2026, 11, 22), Boolean: True, Integer: 1}
    values |= {JSONB: [], ARRAY: []}
    for of_kind, value in values.items():
        if isinstance(kind, of_kind):
            return value
    assert isinstance(kind, String), column
    if column.name == "currency":
        # The house is of one country: of others' money no command would go on.
        return "KES"
    return secrets.token_hex(20)[: kind.length]
