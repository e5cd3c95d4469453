"""One table sealed anew while the house runs: a few rows at a time, each only if it is still as it was read.

Rows are looked for page by page, in the order in which they lie, so that neither memory nor a long
transaction grows with the table. No lock of a row is waited for: who waits for nobody is in no circle.
"""

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.errors import LockNotAvailable
from sqlalchemy.orm import Session

from core.database import Sessions
from core.vault import UnreadableSecret, Vault
from operations.sealing.places import FIELDS, SealedColumn, SealedTable

# What does not begin with a key's id; what it begins with instead is nobody's business.
NO_KEY: Final = "no key"
_ROWS_MAX: Final = 500
_BYTES_MAX: Final = 4_000_000
_PAGES: Final = 64
# Writers of an append-only table queue behind us while we wait for it, and wait while we have it.
_LOCK_MILLISECONDS: Final = 200
_LOCK_TRIES_MAX: Final = 60
_LOCK_PAUSE_SECONDS: Final = 1.0

_Connection = psycopg.Connection[tuple[Any, ...]]
_TOKEN: Final = r"([0-9a-f]{8})\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+={0,2}"  # noqa: S105 -- the form of a sealed value
_IN_FIELD: Final = re.compile(f'"({"|".join(FIELDS)})": "({_TOKEN})"')
_TRIGGERS: Final = """
SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgrelid = to_regclass(%s) AND p.proname = 'refuse_change'
"""


class TableBusy(Exception):  # noqa: N818 -- it names the state of the table
    """An append-only table was written all the time by a transaction that does not end."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as it was read, and as it is to be: the sealed columns in order. `changed`: how many values."""

    at: str
    old: tuple[str | None, ...]
    new: tuple[str | None, ...]
    changed: int


class Batches:
    """Seals the values of one table anew with the newest key of `vault`."""

    def __init__(self, sessions: Sessions, vault: Vault, table: SealedTable) -> None:
        self._sessions = sessions
        self._vault = vault
        self._table = table
        self._name = sql.Identifier(table.name)
        self._names = [sql.Identifier(column.name) for column in table.columns]
        self._pattern = f'"(?!{vault.newest}[.]){_TOKEN}"'
        is_old = sql.SQL(" OR ").join(map(self._is_old, table.columns))
        self._old = sql.SQL("({})").format(is_old)

    def left(self) -> Counter[str]:
        """How many values are not sealed with the newest key, by the id of the key that sealed them."""
        found: Counter[str] = Counter()
        with self._sessions.begin() as session:
            for column in self._table.columns:
                for key_id, count in driver_of(session).execute(self._count(column)):
                    found[key_id] += count
        return found

    def walk(self) -> Iterator[tuple[int, int]]:
        """Go over the table once; yields for each batch how many values there were to seal, and were sealed.

        Values that cannot be opened are passed over. Raises TableBusy.
        """
        with self._sessions.begin() as session:
            pages = _one(driver_of(session), _SIZE, self._table.name)
            triggers = [name for (name,) in driver_of(session).execute(_TRIGGERS, (self._table.name,))]
        for first in range(0, pages, _PAGES):
            for places in self._found(first):
                rows = [row for row in self._read(places) if row.changed]
                if rows:
                    yield sum(row.changed for row in rows), self._replaced(rows, triggers)

    def _found(self, first_page: int) -> Iterator[list[str]]:
        """Where rows to seal lie in some pages, in batches of bounded rows and bytes."""
        sizes = sql.SQL(" + ").join(
            sql.SQL("coalesce(octet_length({}::text), 0)").format(name) for name in self._names
        )
        query = sql.SQL("SELECT ctid::text, {} FROM {} WHERE ctid >= %s::tid AND ctid < %s::tid AND {}")
        between = (f"({first_page},0)", f"({first_page + _PAGES},0)")
        with self._sessions.begin() as session:
            found = _planned_anew(session, query.format(sizes, self._name, self._old), between).fetchall()
        batch: list[str] = []
        size = 0
        for place, row_bytes in found:
            if batch and (len(batch) == _ROWS_MAX or size + row_bytes > _BYTES_MAX):
                yield batch
                batch, size = [], 0
            batch.append(place)
            size += row_bytes
        if batch:
            yield batch

    def _read(self, places: Sequence[str]) -> list[_Row]:
        values = sql.SQL(", ").join(sql.SQL("{}::text").format(name) for name in self._names)
        query = sql.SQL("SELECT ctid::text, {} FROM {} WHERE ctid = ANY (%s::text[]::tid[]) AND {}")
        with self._sessions.begin() as session:
            found = _planned_anew(session, query.format(values, self._name, self._old), (list(places),))
            return [self._row(place, tuple(old)) for place, *old in found]

    def _row(self, place: str, old: tuple[str | None, ...]) -> _Row:
        columns = zip(self._table.columns, old, strict=True)
        sealed = [self._sealed_anew(column, value) for column, value in columns]
        return _Row(place, old, tuple(value for value, _ in sealed), sum(count for _, count in sealed))

    def _sealed_anew(self, column: SealedColumn, value: str | None) -> tuple[str | None, int]:
        """The value as it is to be, and how many sealed ones in it are new."""
        if value is None:
            return None, 0
        if column.place is not None:
            anew = self._anew(column.place, value)
            return anew, int(anew != value)
        count = 0

        def replace(found: re.Match[str]) -> str:
            nonlocal count
            field, token = found[1], found[2]
            anew = self._anew(FIELDS[field], token)
            count += int(anew != token)
            return f'"{field}": "{anew}"'

        return _IN_FIELD.sub(replace, value), count

    def _anew(self, place: str, token: str) -> str:
        if self._vault.is_newest(token):
            return token
        try:
            return self._vault.seal(place, self._vault.open(place, token))
        except UnreadableSecret:
            return token

    def _replaced(self, rows: Sequence[_Row], triggers: Sequence[str]) -> int:
        """How many values were replaced; rows that changed or are locked are left. Raises TableBusy."""
        for _ in range(_LOCK_TRIES_MAX):
            began = time.monotonic()
            try:
                replaced = self._replace(rows, triggers)
            except LockNotAvailable:
                time.sleep(_LOCK_PAUSE_SECONDS)
                continue
            if triggers:
                # As long as writers had to wait, they are left alone.
                time.sleep(time.monotonic() - began)
            return replaced
        raise TableBusy(self._table.name)

    def _replace(self, rows: Sequence[_Row], triggers: Sequence[str]) -> int:
        """One transaction. An append-only table is locked against all who write before its trigger rests and
        until the end, at which the trigger is on again or, if this process or the server dies, never was off.
        """
        values: list[list[str] | list[str | None]] = [[row.at for row in rows]] * 2
        for number in range(len(self._names)):
            values += [[row.old[number] for row in rows], [row.new[number] for row in rows]]
        with self._sessions.begin() as session:
            connection = driver_of(session)
            if triggers:
                connection.execute(sql.SQL(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}"))
            for name in triggers:
                connection.execute(self._trigger("DISABLE", name))
            replaced = {at for (at,) in _planned_anew(session, self._update(), values)}
            for name in triggers:
                connection.execute(self._trigger("ENABLE", name))
        return sum(row.changed for row in rows if row.at in replaced)

    def _trigger(self, does: str, name: str) -> sql.Composed:
        return sql.SQL("ALTER TABLE {} {} TRIGGER {}").format(self._name, sql.SQL(does), sql.Identifier(name))

    def _update(self) -> sql.Composed:
        """By place, which finds the row, and by its sealed values, which make sure that it is that one."""
        numbers = range(len(self._names))
        kinds = [sql.SQL("jsonb" if column.is_json else "text") for column in self._table.columns]
        olds, news = ([sql.Identifier(f"{age}_{n}") for n in numbers] for age in ("old", "new"))
        return sql.SQL(_UPDATE).format(
            table=self._name,
            arrays=sql.SQL(", ").join([sql.SQL("%s::text[]")] * (2 * len(numbers))),
            names=sql.SQL(", ").join(chain.from_iterable(zip(olds, news, strict=True))),
            sets=sql.SQL(", ").join(
                sql.SQL("{} = v.{}::{}").format(*parts)
                for parts in zip(self._names, news, kinds, strict=True)
            ),
            same=sql.SQL(" AND ").join(
                sql.SQL("t.{} IS NOT DISTINCT FROM v.{}::{}").format(*parts)
                for parts in zip(self._names, olds, kinds, strict=True)
            ),
        )

    def _is_old(self, column: SealedColumn) -> sql.Composed:
        name = sql.Identifier(column.name)
        if column.is_json:
            return sql.SQL("{}::text ~ {}").format(name, sql.Literal(self._pattern))
        return sql.SQL("left({}, 9) <> {}").format(name, sql.Literal(f"{self._vault.newest}."))

    def _count(self, column: SealedColumn) -> sql.Composed:
        query = _COUNT_IN_JSON if column.is_json else _COUNT
        return sql.SQL(query).format(
            table=self._name,
            column=sql.Identifier(column.name),
            old=self._is_old(column),
            pattern=sql.Literal(self._pattern),
            no_key=sql.Literal(NO_KEY),
        )


_SIZE: Final = "SELECT pg_relation_size(to_regclass(%s)) / current_setting('block_size')::bigint"
_COUNT: Final = """
SELECT CASE WHEN left({column}, 9) ~ '^[0-9a-f]{{8}}[.]$' THEN left({column}, 8) ELSE {no_key} END, count(*)
FROM {table} WHERE {old} GROUP BY 1
"""
_COUNT_IN_JSON: Final = """
SELECT found[1], count(*) FROM {table}, regexp_matches({column}::text, {pattern}, 'g') AS found
WHERE {old} GROUP BY 1
"""
_UPDATE: Final = """
WITH free AS MATERIALIZED (
  SELECT ctid AS at FROM {table} WHERE ctid = ANY (%s::text[]::tid[]) FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE {table} AS t SET {sets}
FROM unnest(%s::text[]::tid[], {arrays}) AS v (at, {names})
WHERE t.ctid = v.at AND v.at IN (SELECT at FROM free) AND {same}
RETURNING v.at::text
"""


def driver_of(session: Session) -> _Connection:
    """The plain connection of a session's transaction."""
    found = session.connection().connection.driver_connection
    assert isinstance(found, psycopg.Connection)
    return found


def _planned_anew(
    session: Session, query: sql.Composed, values: Sequence[Any]
) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run a query with a plan for these values: one for any would not count the places in them."""
    return driver_of(session).execute(query, values, prepare=False)


def _one(connection: _Connection, query: str, value: str) -> int:
    found = connection.execute(query.encode(), (value,)).fetchone()
    assert found is not None
    return int(found[0])
