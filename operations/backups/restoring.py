"""Restoring a backup into an empty house: all of it in one transaction, or nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from psycopg import sql
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from core.database import make_engine
from core.settings import Settings
from operations.backups.catalogue import (
    KEY_PROOFS,
    MARKS,
    migration_of,
    sequences_of,
    tables_of,
)
from operations.backups.file import Foot, ReadBackup, Table, reading
from operations.backups.taking import Progress
from operations.backups.talking import Raw, in_a_sentence, settle
from operations.belonging import refuse_another_country, refuse_other_keys
from operations.migrate import LOCK_KEY, bring_to, is_known, newest
from operations.trouble import TroubleError
from payments.ledger.proof import Proof, proof

# Nobody works in an empty house; who does is not waited for.
_LOCK_SECONDS_MAX: Final = 10
_NAMES_SHOWN_MAX: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came from the file. `migration`: where the house is now, `written_at` where it was then.

    `left_out`: tables of the file that are none of the house's. `keys_proven`: the file is recent enough to
    hold proofs of its keys (migration 0031), and those of the settings fit.
    """

    tables: int
    rows: int
    bytes: int
    migration: str
    written_at: str
    taken_at: datetime
    left_out: tuple[str, ...]
    keys_proven: bool
    proof: Proof


def restore_backup(settings: Settings, path: Path, progress: Progress) -> Restored:
    """Load a file into the empty database of the settings, and bring that to the newest migration.

    Raises TroubleError, OSError; then the database is as it was.
    """
    with reading(path) as file:
        if not is_known(file.head.migration):
            raise TroubleError(
                f"{path.name} was written at migration {file.head.migration}, which this release does not "
                "know; restore it with the release that wrote it, or a newer one"
            )
        with in_a_sentence(), _transaction(settings) as connection:
            return _Restoring(connection, settings, file, progress).run(path.stat().st_size)


@contextmanager
def _transaction(settings: Settings) -> Iterator[Connection]:
    """The one transaction in which everything happens, migrations too."""
    engine = make_engine(settings.database_url.get_secret_value(), settings.vault(), pooled=False)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


class _Restoring:
    def __init__(
        self, connection: Connection, settings: Settings, file: ReadBackup, progress: Progress
    ) -> None:
        self._connection = connection
        raw = connection.connection.driver_connection
        assert raw is not None
        self._raw: Raw = raw
        self._settings = settings
        self._file = file
        self._progress = progress
        self._keys_proven = False

    def run(self, size: int) -> Restored:
        head = self._file.head
        settle(self._raw, {"lock_timeout": f"{_LOCK_SECONDS_MAX}s"})
        self._raw.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
        _refuse_unless_empty(self._raw)
        bring_to(self._connection, head.migration)
        self._forget_marks()
        rows, left_out = self._load_all()
        # What was deferred is looked at now: a table about which something waits cannot be migrated.
        self._raw.execute("SET CONSTRAINTS ALL IMMEDIATE")
        self._raw.execute("SET CONSTRAINTS ALL DEFERRED")
        bring_to(self._connection, newest())
        with self._session() as session:
            # Of a file from before this was kept, the money tells.
            refuse_another_country(session, self._settings)
            found = proof(session)
        return Restored(
            tables=len(rows),
            rows=sum(rows.values()),
            bytes=size,
            migration=newest(),
            written_at=head.migration,
            taken_at=head.taken_at,
            left_out=left_out,
            keys_proven=self._keys_proven,
            proof=found,
        )

    def _forget_marks(self) -> None:
        """Those that `doctor` left here when it looked at the empty house: the file brings its own."""
        for name in [table.name for table in tables_of(self._raw) if table.name in MARKS]:
            self._raw.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))

    def _load_all(self) -> tuple[dict[str, int], tuple[str, ...]]:
        """Every table and sequence; returns the rows of each, and what the house does not have."""
        here = {table.name: set(table.columns) for table in tables_of(self._raw)}
        self._check_tables(here)
        loaded: dict[str, int] = {}
        left_out = []
        for table in self._file.head.tables:
            if table.name in here:
                loaded[table.name] = self._load(table)
            else:
                left_out.append(table.name)
                self._pass_over()
        foot = self._file.foot()
        for name, count in loaded.items():
            if count != foot.rows[name]:
                raise TroubleError(f"{count} of {foot.rows[name]} rows of {name} were loaded")
        self._set_sequences(foot)
        return loaded, tuple(left_out)

    def _check_tables(self, here: dict[str, set[str]]) -> None:
        """Raises TroubleError where the file does not have what its migration makes."""
        head = self._file.head
        given = {table.name: set(table.columns) for table in head.tables}
        unlike = sorted(name for name, columns in here.items() if given.get(name) != columns)
        if unlike:
            raise TroubleError(
                f"the file's {_some(unlike)} and migration {head.migration} have other columns; "
                "somebody changed the tables by hand"
            )

    def _load(self, table: Table) -> int:
        """Copy one table; returns how many rows it has then."""
        name = sql.Identifier(table.name)
        columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
        query = sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns)
        with self._raw.cursor() as cursor, cursor.copy(query) as copy:
            for piece in self._file.rows():
                copy.write(piece)
        row = self._raw.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
        assert row is not None
        count = int(row[0])
        if count:
            # Triggers and the proof look things up here before PostgreSQL would count by itself.
            self._raw.execute(sql.SQL("ANALYZE {}").format(name))
            self._progress(table.name, count)
        if table.name == KEY_PROOFS and count:
            self._check_keys()
        return count

    def _check_keys(self) -> None:
        # What is new among the keys leaves its proof here, as it does whenever a house starts.
        with self._session() as session:
            refuse_other_keys(session, self._settings)
        self._keys_proven = True

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """One whose end is not that of the transaction."""
        with Session(self._connection, join_transaction_mode="create_savepoint") as session, session.begin():
            yield session

    def _pass_over(self) -> None:
        for _ in self._file.rows():
            pass

    def _set_sequences(self, foot: Foot) -> None:
        for name in sequences_of(self._raw):
            if name not in foot.sequences:
                continue
            last, is_given = foot.sequences[name]
            # `setval` alone outlives a rollback; begun anew in this transaction, the sequence does not.
            self._raw.execute(sql.SQL("ALTER SEQUENCE {} RESTART").format(sql.Identifier(name)))
            self._raw.execute(
                sql.SQL("SELECT setval({}::regclass, %s, %s)").format(sql.Literal(f'"{name}"')),
                (last, is_given),
            )


def _refuse_unless_empty(connection: Raw) -> None:
    """Raises TroubleError where anybody's data are. From here on nobody else can write any."""
    tables = tables_of(connection)
    migration = migration_of(connection)
    if tables and migration is None:
        raise TroubleError("the database holds tables of something else; restore into an empty one")
    if migration is not None and not is_known(migration):
        raise TroubleError(f"the database is at migration {migration}, which this release does not know")
    if not tables:
        return
    names = sql.SQL(", ").join(sql.Identifier(table.name) for table in tables)
    connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(names))
    held = [table.name for table in tables if table.name not in MARKS and _has_rows(connection, table)]
    if held:
        raise TroubleError(f"the database holds rows already, in {_some(held)}; restore into an empty one")


def _has_rows(connection: Raw, table: Table) -> bool:
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table.name))
    row = connection.execute(query).fetchone()
    return row is not None and bool(row[0])


def _some(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN_MAX
    return ", ".join(names[:_NAMES_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")
