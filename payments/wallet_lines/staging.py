"""Keeping a statement of any length: copied into temporary tables, kept by a few statements over all rows."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.orm import Session

from core.database import vault_of
from payments.particulars import Particulars
from payments.payers import payer_index
from payments.wallet_lines import staging_queries as queries
from payments.wallet_lines.file_aside import FileAside
from payments.wallet_lines.told_alone import NOTHING, NeedsSecondLook, ToldAlone, told_alone
from payments.wallets.protocol import WalletLine
from payments.wallets.statements import Oddity, PlainRows, ReadRow, StatementRefused, StatementStream

# How much is held before it is passed on.
_PLAIN_BYTES = 1024 * 1024
_READ_ROWS = 2000
_DIFFERS = "differs from another line with the same receipt and reason"
_MARK_BYTES = 16
# What is hashed in pieces that fit the processor's cache is joined sooner than what fits the memory: ten
# million lines in three quarters of the time. It is given back at the end of the transaction.
_ROOM = text("SET LOCAL work_mem = '8MB'")
# After so many new lines the planner's statistics are not left to the next vacuum.
_MANY = 10_000
_COUNT = text("ANALYZE wallet_lines (receipt, wallet, shortcode, kind, at, particulars)")
_DAY_FIRST = text("SET LOCAL datestyle = 'ISO, DMY'")


@dataclass(frozen=True, slots=True)
class KeptStatement:
    """`lines`: each once. `unknown_after`: lines with ids above it may say what the ledger does not know.

    `alone`: what nobody else told of; empty when nobody asked.
    """

    lines: int
    new: int
    repeated: int
    first_at: datetime | None
    last_at: datetime | None
    unknown_after: int
    alone: ToldAlone


class Staging:
    """One statement on its way into `wallet_lines`, in the caller's transaction.

    `limit`: of how many cents it may tell alone, asked when it tells of any; None: of all.
    """

    def __init__(
        self,
        session: Session,
        wallet: str,
        stream: StatementStream,
        *,
        limit: Callable[[Session], int] | None = None,
        now: datetime,
    ) -> None:
        self._session = session
        self._stream = stream
        self._limit = limit
        self._marking = os.urandom(_MARK_BYTES)
        self._facts = {
            "wallet": wallet,
            "shortcode": stream.shortcode,
            "currency": stream.currency,
            "behind_utc": stream.behind_utc,
            "now": now,
        }

    def keep(self, progress: Callable[[int], None] = lambda _: None) -> KeptStatement:
        """Take the whole statement.

        Raises StatementRefused or NeedsSecondLook; then nothing of it may be committed.
        """
        self._session.execute(_ROOM)
        self._session.execute(_DAY_FIRST)
        for table in queries.TABLES:
            self._session.execute(table)
        with FileAside() as aside:
            self._copy_all(aside, progress)
            return self._keep_all(aside)

    def _keep_all(self, aside: FileAside) -> KeptStatement:
        plain = 0
        if aside.count:
            self._session.execute(queries.COUNT_PLAIN)
            self._session.execute(queries.ALONE)
            plain = self._count(queries.KEEP_PLAIN)
        repeated, repeated_in, repeated_out = self._say_once(aside)
        sums = self._session.execute(queries.SUMS, self._facts).one()
        lines = sums.rows - repeated
        if self._stream.oddities and not lines:
            raise StatementRefused(sorted(self._stream.oddities, key=_by_line))
        self._stream.check_totals(sums.in_cents - repeated_in, sums.out_cents - repeated_out)
        self._session.execute(queries.ALONE)
        self._read_what_is_news(aside)
        if repeated:
            # What is told once only needs no comparing: most files have nothing else.
            rows, keys = self._set_aside(aside, self._session.scalars(queries.READ_TWICE).all())
            lines, repeated = lines - keys, repeated - (rows - keys)
            if keys and not lines:
                raise StatementRefused(sorted(self._stream.oddities, key=_by_line))
        alone = self._told_alone(lines)
        plain += self._count(queries.KEEP_OTHER)
        last = int(self._session.scalars(queries.LAST_LINE).one())
        new = plain + self._count(queries.KEEP_READ)
        # A statement of which something was there before may have been left half applied.
        unknown_after = last if new == lines else 0
        if new > _MANY:
            self._session.execute(_COUNT)
        return KeptStatement(lines, new, repeated, sums.first_at, sums.last_at, unknown_after, alone)

    def _copy_all(self, aside: FileAside, progress: Callable[[int], None]) -> None:
        plain: list[bytes] = []
        read: list[ReadRow] = []
        size = seen = 0
        for part in self._stream.parts():
            if isinstance(part, PlainRows):
                plain.append(part.told)
                size += len(part.told)
                aside.add(part)
                seen += part.count
            else:
                read.append(part)
                seen += 1
            if size >= _PLAIN_BYTES or len(read) >= _READ_ROWS:
                self._copy_plain(plain)
                self._copy_read(read)
                plain, read, size = [], [], 0
                progress(seen)
        self._copy_plain(plain)
        self._copy_read(read)
        progress(seen)

    def _connection(self) -> psycopg.Connection:
        found = self._session.connection().connection.driver_connection
        assert isinstance(found, psycopg.Connection)
        return found

    def _copy_plain(self, pieces: Sequence[bytes]) -> None:
        if not pieces:
            return
        names = sql.SQL(", ").join(map(sql.Identifier, self._stream.plain_columns))
        statement = sql.SQL("COPY statement_plain ({}) FROM STDIN (NULL '', ENCODING 'UTF8')").format(names)
        with self._connection().cursor() as cursor, cursor.copy(statement) as copy:
            for piece in pieces:
                copy.write(piece)

    def _copy_read(self, rows: Sequence[ReadRow]) -> None:
        if not rows:
            return
        names = sql.SQL(", ").join(map(sql.Identifier, queries.READ_COLUMNS))
        statement = sql.SQL("COPY statement_read ({}) FROM STDIN").format(names)
        with self._connection().cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(self._stored(row.line_number, row.line))

    def _stored(self, line_number: int, line: WalletLine) -> tuple[object, ...]:
        payer = line.payer.e164 if line.payer else ""
        known = Particulars(line.account, payer, "", line.payer_text, line.details)
        return (
            line_number,
            line.receipt.strip().upper(),
            line.row_key,
            str(line.kind),
            line.amount.amount_cents,
            line.at,
            line.balance_after.amount_cents if line.balance_after else None,
            line.linked_receipt.strip().upper(),
            payer_index(self._session, line.payer),
            vault_of(self._session).seal("wallet_lines.particulars", known.to_json()),
            self._mark(line.account),
        )

    def _mark(self, account: str) -> str:
        """One for each account however it is spaced; it says nothing to whoever has not this import's key."""
        letters = "".join(filter(str.isalnum, account)).upper()
        return hashlib.blake2b(letters.encode(), key=self._marking, digest_size=_MARK_BYTES).hexdigest()

    def _say_once(self, aside: FileAside) -> tuple[int, int, int]:
        """Set aside what the file tells in two ways; how many rows say the same again, and their money."""
        repeated = repeated_in = repeated_out = 0
        differing = []
        for row in self._session.execute(queries.TWICE, self._facts):
            if row.differs:
                differing.append(row.name)
                continue
            repeated += row.repeated
            repeated_in += row.repeated * max(row.cents, 0)
            repeated_out -= row.repeated * min(row.cents, 0)
        self._set_aside(aside, differing)
        return repeated, repeated_in, repeated_out

    def _set_aside(self, aside: FileAside, differing: Sequence[str]) -> tuple[int, int]:
        """Take nothing of what these name; how many rows there were, and how many names."""
        if not differing:
            return 0, 0
        names = {"names": list(differing)}
        lines = {aside.line_of(n) for n in self._session.scalars(queries.SET_ASIDE_OTHER, names)}
        self._session.execute(queries.SET_ASIDE_PLAIN, names)
        # A plain row that was read with care stands in both.
        lines |= set(self._session.scalars(queries.SET_ASIDE_READ, names))
        self._stream.oddities.extend(Oddity(number, _DIFFERS) for number in sorted(lines))
        return len(lines), len(differing)

    def _read_what_is_news(self, aside: FileAside) -> None:
        """Plain rows that say more than we know are read here after all: their personal data is sealed."""
        for numbers in self._to_read():
            read = [self._stream.read_line(*row) for row in aside.rows(numbers)]
            self._copy_read([row for row in read if row is not None])

    def _told_alone(self, lines: int) -> ToldAlone:
        # Here all that is news was read, and none of it is kept: what is found beside it came from elsewhere.
        if self._limit is None:
            return NOTHING
        alone = told_alone(self._session, self._facts)
        if alone.lines and alone.cents > self._limit(self._session):
            oddities = sorted(self._stream.oddities + self._stream.notes, key=_by_line)
            raise NeedsSecondLook(alone, currency=self._stream.currency, lines=lines, oddities=oddities)
        return alone

    def _to_read(self) -> Iterator[list[int]]:
        with self._connection().cursor(name="statement_to_read") as cursor:
            cursor.execute(queries.TO_READ, self._facts)
            while rows := cursor.fetchmany(_READ_ROWS):
                yield [number for (number,) in rows]

    def _count(self, statement: TextClause) -> int:
        """How many rows a statement made."""
        result = self._session.execute(statement, self._facts)
        assert isinstance(result, CursorResult)
        return int(result.rowcount)


def _by_line(oddity: Oddity) -> tuple[int, str]:
    return oddity.line_number, oddity.reason
