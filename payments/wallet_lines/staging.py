"""Keeping a statement of any length: copied into temporary tables, kept by a few statements over all rows."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg import sql
from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from core.database import vault_of
from payments.particulars import Particulars
from payments.payers import payer_index
from payments.wallet_lines import staging_queries as queries
from payments.wallets.protocol import WalletLine
from payments.wallets.statements import Oddity, PlainRows, ReadRow, StatementRefused, StatementStream

# How much is held before it is passed on.
_PLAIN_BYTES = 1024 * 1024
_READ_ROWS = 2000
_DIFFERS = "differs from another line with the same receipt and reason"
# A sort or a hash of a million rows fits; it is given back at the end of the transaction.
_ROOM = text("SET LOCAL work_mem = '192MB'")
# After so many new lines the planner's statistics are not left to the next vacuum.
_MANY = 10_000
_COUNT = text("ANALYZE wallet_lines")
_DAY_FIRST = text("SET LOCAL datestyle = 'ISO, DMY'")


@dataclass(frozen=True, slots=True)
class KeptStatement:
    """`lines`: each once. `unknown_after`: lines with ids above it may say what the ledger does not know."""

    lines: int
    new: int
    repeated: int
    first_at: datetime | None
    last_at: datetime | None
    unknown_after: int


@dataclass
class _Numbers:
    """In which lines of the file the plain rows stand, by the numbers they have in the temporary table."""

    firsts: list[int] = field(default_factory=list)
    shifts: list[int] = field(default_factory=list)
    count: int = 0

    def add(self, rows: PlainRows) -> None:
        shift = rows.line_number - self.count - 1
        if not self.shifts or self.shifts[-1] != shift:
            self.firsts.append(self.count + 1)
            self.shifts.append(shift)
        self.count += rows.count

    def line_of(self, number: int) -> int:
        return number + self.shifts[bisect_right(self.firsts, number) - 1]


class Staging:
    """One statement on its way into `wallet_lines`, in the caller's transaction."""

    def __init__(self, session: Session, wallet: str, stream: StatementStream, *, now: datetime) -> None:
        self._session = session
        self._stream = stream
        self._numbers = _Numbers()
        self._facts = {
            "wallet": wallet,
            "shortcode": stream.shortcode,
            "currency": stream.currency,
            "behind_utc": stream.behind_utc,
            "now": now,
        }

    def keep(self, progress: Callable[[int], None] = lambda _: None) -> KeptStatement:
        """Take the whole statement. Raises StatementRefused; then nothing of it may be committed."""
        self._session.execute(_ROOM)
        self._session.execute(_DAY_FIRST)
        self._session.execute(queries.READ_TABLE)
        self._copy_all(progress)
        self._make_plain()
        repeated, repeated_in, repeated_out = self._say_once()
        sums = self._session.execute(queries.SUMS).one()
        lines = sums.rows - repeated
        if self._stream.oddities and not lines:
            raise StatementRefused(sorted(self._stream.oddities, key=_by_line))
        self._stream.check_totals(sums.in_cents - repeated_in, sums.out_cents - repeated_out)
        self._session.execute(queries.ALONE)
        self._read_what_is_news()
        plain = self._count(self._session.execute(queries.KEEP_PLAIN, self._facts))
        last = int(self._session.scalars(queries.LAST_LINE).one())
        read = self._count(self._session.execute(queries.KEEP_READ, self._facts))
        # A statement of which something was there before may have been left half applied.
        unknown_after = last if plain + read == lines else 0
        if plain + read > _MANY:
            self._session.execute(_COUNT)
        return KeptStatement(lines, plain + read, repeated, sums.first_at, sums.last_at, unknown_after)

    def _copy_all(self, progress: Callable[[int], None]) -> None:
        self._session.execute(text(queries.raw_table(max(1, len(self._stream.columns)))))
        plain: list[bytes] = []
        read: list[ReadRow] = []
        size = seen = 0
        for part in self._stream.parts():
            if isinstance(part, PlainRows):
                plain.append(part.data)
                size += len(part.data)
                self._numbers.add(part)
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
        names = ", ".join(f"c{place}" for place in range(len(self._stream.columns)))
        statement = sql.SQL("COPY statement_raw ({}) FROM STDIN (FORMAT csv, ENCODING 'UTF8')")
        with self._connection().cursor() as cursor, cursor.copy(statement.format(sql.SQL(names))) as copy:
            for piece in pieces:
                # COPY wants the ends of lines all alike, which a file put together from two may not have.
                copy.write(piece.replace(b"\r\n", b"\n"))

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
        )

    def _make_plain(self) -> None:
        if not self._numbers.count:
            self._session.execute(queries.NO_PLAIN)
            return
        self._session.execute(text(queries.plain_table(self._stream.columns)), self._facts)

    def _say_once(self) -> tuple[int, int, int]:
        """Set aside what the file tells in two ways; how many rows say the same again, and their money."""
        repeated = repeated_in = repeated_out = 0
        differing = []
        for row in self._session.execute(queries.TWICE):
            if row.differs:
                differing.append(row.name)
                continue
            repeated += row.repeated
            repeated_in += row.repeated * max(row.cents, 0)
            repeated_out -= row.repeated * min(row.cents, 0)
        if differing:
            names = {"names": differing}
            lines = [self._numbers.line_of(n) for n in self._session.scalars(queries.SET_ASIDE_PLAIN, names)]
            lines += self._session.scalars(queries.SET_ASIDE_READ, names)
            self._stream.oddities.extend(Oddity(number, _DIFFERS) for number in lines)
        return repeated, repeated_in, repeated_out

    def _read_what_is_news(self) -> None:
        """Plain rows that say more than we know are read here after all: their personal data is sealed."""
        for rows in self._to_read():
            read = [self._stream.read_cells(self._numbers.line_of(n), cells) for n, cells in rows]
            self._copy_read([row for row in read if row is not None])

    def _to_read(self) -> Iterator[list[tuple[int, list[str]]]]:
        with self._connection().cursor(name="statement_to_read") as cursor:
            cursor.execute(queries.TO_READ, self._facts)
            while rows := cursor.fetchmany(_READ_ROWS):
                yield [(n, [cell or "" for cell in cells]) for n, cells in rows]

    @staticmethod
    def _count(result: object) -> int:
        assert isinstance(result, CursorResult)
        return int(result.rowcount)


def _by_line(oddity: Oddity) -> tuple[int, str]:
    return oddity.line_number, oddity.reason
