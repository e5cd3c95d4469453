"""Taking a backup: everything the database holds at one instant, while the house goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import psycopg
from psycopg import IsolationLevel, sql
from sqlalchemy import make_url

from core import priority
from operations.backups.catalogue import migration_of, position_of, sequences_of, tables_of
from operations.backups.file import Foot, Head, Table, WrittenBackup, writing
from operations.backups.talking import Raw, in_a_sentence, settle
from operations.migrate import LOCK_KEY
from operations.trouble import TroubleError

Progress = Callable[[str, int], None]

CONNECT_SECONDS_MAX: Final = 5
# So much of a table is packed at a time; what is in memory is little more, but for rows that are larger.
PIECE_BYTES: Final = 2**20
_TOLD_ROWS: Final = 1_000_000
# What its connection calls itself. It seals nothing: after a space it would read as the id of a key, and
# `keys rotate` would take it for a process that seals with another one (`core.sealing_key`).
BACKUP_NAME: Final = "kibaba-backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What is in the file."""

    tables: int
    rows: int
    bytes: int
    migration: str
    taken_at: datetime


def take_backup(database_url: str, path: Path, progress: Progress) -> Taken:
    """Write all of the database to a new file. `progress` hears of tables and rows so far.

    Nothing is written to the database, so that a replica will do. Raises TroubleError, OSError.
    """
    with writing(path) as file, in_a_sentence(), _snapshot(database_url) as connection:
        head = _head(connection)
        file.head(head)
        rows = {table.name: _copy(connection, table, file, progress) for table in head.tables}
        # Later than the rows: a sequence may be ahead of what is here, never behind.
        positions = {name: position_of(connection, name) for name in sequences_of(connection)}
        file.finish(Foot(rows, positions))
    return Taken(
        tables=len(rows),
        rows=sum(rows.values()),
        bytes=path.stat().st_size,
        migration=head.migration,
        taken_at=head.taken_at,
    )


@contextmanager
def _snapshot(database_url: str) -> Iterator[Raw]:
    """A transaction that sees one instant; every table stays as it is until its end."""
    plain = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(
        plain, autocommit=True, connect_timeout=CONNECT_SECONDS_MAX, application_name=BACKUP_NAME
    ) as connection:
        priority.share(connection)
        settle(connection)
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        # A migration that ended between the instant and the locks would have emptied tables before us. It is
        # kept away for that moment only; afterwards it waits for the tables that it changes.
        connection.execute("SELECT pg_advisory_lock_shared(%s)", (LOCK_KEY,))
        with connection.transaction():
            _lock(connection)
            connection.execute("SELECT pg_advisory_unlock_shared(%s)", (LOCK_KEY,))
            yield connection


def _lock(connection: Raw) -> None:
    if names := [sql.Identifier(table.name) for table in tables_of(connection)]:
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.SQL(", ").join(names)))


def _head(connection: Raw) -> Head:
    migration = migration_of(connection)
    if migration is None:
        raise TroubleError("the database holds nothing of Kibaba yet")
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None
    return Head(migration, row[0], tables_of(connection))


def _copy(connection: Raw, table: Table, file: WrittenBackup, progress: Progress) -> int:
    """Append a table's rows; returns how many."""
    count = told = 0
    for piece in _pieces(connection, table):
        file.rows(piece)
        # Within a row COPY writes a line feed as two characters.
        count += piece.count(b"\n")
        if count - told >= _TOLD_ROWS:
            progress(table.name, count)
            told = count
    file.end_table()
    if count > told:
        progress(table.name, count)
    return count


def _pieces(connection: Raw, table: Table) -> Iterator[bytes]:
    """Rows as text, some at a time, each of them whole."""
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    query = sql.SQL("COPY {} ({}) TO STDOUT").format(sql.Identifier(table.name), columns)
    gathered = bytearray()
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for row in copy:
            gathered += row
            if len(gathered) >= PIECE_BYTES:
                yield bytes(gathered)
                gathered.clear()
    if gathered:
        yield bytes(gathered)
