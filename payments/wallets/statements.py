"""What is the same in every wallet's statement file: what reading one gives, and how its rows are had."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, runtime_checkable

from core.errors import KibabaError
from payments.wallets.protocol import UnreadableMessage, WalletLine

BYTES_MAX = 64 * 1024 * 1024
UTF_16_MARKS = frozenset({b"\xff\xfe", b"\xfe\xff"})
WITHOUT_END = "the file ends within this line: it may be cut short"
_FAULTS_NAMED_MAX = 20
# What the readers call the columns that hold money.
_AMOUNTS = frozenset({"amount", "in", "out", "paid in", "withdrawn", "fee", "charge", "balance"})


@dataclass(frozen=True, slots=True)
class Oddity:
    """Why a line was set aside, or what is strange about the file there. Line numbers count from 1.

    The reason names columns, never what stands in them.
    """

    line_number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a statement says. `lines`: oldest first, each once. `not_completed`: rows that moved no money.

    `repeated`: rows that said the same again.
    """

    shortcode: str
    lines: tuple[WalletLine, ...]
    oddities: tuple[Oddity, ...]
    not_completed: int = 0
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class PlainRows:
    """Payments to us in rows of a form that the database may read by itself, each one line.

    `told` is for COPY: what the stream calls `plain_columns`, separated by tabs. `data` are the rows as they
    stand in the file, from line `line_number` on.
    """

    told: bytes
    data: bytes
    line_number: int
    count: int


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row that was read here, and the line it began on."""

    line_number: int
    line: WalletLine


@runtime_checkable
class StatementStream(Protocol):
    """A statement while it is read, in memory that does not grow with it.

    `plain_columns`: what plain rows tell, in the order of the file, of `receipt`, `at`, `amount_cents` and
    `balance_after_cents`; a balance may be empty. `behind_utc`: what to take from a time there.
    """

    shortcode: str
    currency: str
    plain_columns: tuple[str, ...]
    behind_utc: timedelta
    oddities: list[Oddity]
    notes: list[Oddity]
    not_completed: int
    repeated: int

    def parts(self) -> Iterator[PlainRows | ReadRow]:
        """The file from its header on. Raises StatementRefused."""
        ...

    def read_line(self, line_number: int, data: bytes) -> ReadRow | None:
        """Read a plain row with care; None when it is no line, which `oddities` or the count then say."""
        ...

    def check_totals(self, in_cents: int, out_cents: int) -> None:
        """Compare the file's own totals with what was read; a difference is an oddity."""
        ...


@runtime_checkable
class StreamsStatements(Protocol):
    """A wallet whose statement files can be read while they come."""

    def stream_statement(self, chunks: Iterable[bytes]) -> StatementStream:
        """Read the head of a file. Raises StatementRefused."""
        ...


@runtime_checkable
class ReadsStatements(Protocol):
    """A wallet whose statement files can be read."""

    def read_statement(self, content: bytes) -> Statement:
        """Read a file. Raises StatementRefused."""
        ...


class StatementRefused(KibabaError):  # noqa: N818 -- it says what happened
    """Nothing of this file was taken; `faults` say where and why."""

    code = "statement_refused"

    def __init__(self, faults: list[Oddity]) -> None:
        self.faults = tuple(faults)
        named = [f"line {fault.line_number}: {fault.reason}" for fault in faults[:_FAULTS_NAMED_MAX]]
        super().__init__("; ".join(named))


class WholeStatement:
    """A statement that was read in one piece, as a stream of its lines."""

    plain_columns: tuple[str, ...] = ()
    behind_utc = timedelta(0)

    def __init__(self, statement: Statement) -> None:
        self.shortcode = statement.shortcode
        self.currency = statement.lines[0].amount.currency if statement.lines else ""
        self.oddities = list(statement.oddities)
        self.notes: list[Oddity] = []
        self.not_completed, self.repeated = statement.not_completed, statement.repeated
        self._lines = statement.lines

    def parts(self) -> Iterator[PlainRows | ReadRow]:
        """Each line; where it stood is told by the oddities alone."""
        return (ReadRow(0, line) for line in self._lines)

    def read_line(self, line_number: int, data: bytes) -> ReadRow | None:
        """There are no plain rows here. Raises UnreadableMessage."""
        raise UnreadableMessage(f"line {line_number} of {len(data)} bytes was read already")

    def check_totals(self, in_cents: int, out_cents: int) -> None:
        """Reading it has checked them."""


def in_one_piece(chunks: Iterable[bytes], bytes_max: int = BYTES_MAX) -> bytes:
    """A file that cannot be read while it comes. Raises StatementRefused when it is too large for that."""
    pieces, size = [], 0
    for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size > bytes_max:
            raise StatementRefused([Oddity(1, f"the file has more than {bytes_max // 1024 // 1024} MiB")])
    return b"".join(pieces)


def stream_of(wallet: ReadsStatements, chunks: Iterable[bytes]) -> StatementStream:
    """A file of a wallet as a stream, whether or not it can be read as it comes. Raises StatementRefused."""
    if isinstance(wallet, StreamsStatements):
        return wallet.stream_statement(chunks)
    return WholeStatement(wallet.read_statement(in_one_piece(chunks)))


def decoded(content: bytes, bytes_max: int = BYTES_MAX) -> str:
    """The text of a file. Raises StatementRefused."""
    if len(content) > bytes_max:
        raise StatementRefused([Oddity(1, f"the file has more than {bytes_max // 1024 // 1024} MiB")])
    if content.startswith(b"PK\x03\x04"):
        raise StatementRefused([Oddity(1, "an Excel workbook: export the statement as CSV")])
    utf_16 = content[:2] in UTF_16_MARKS
    for encoding in ("utf-16",) if utf_16 else ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise StatementRefused([Oddity(1, "the file is not text")])


def has_end(text: str) -> bool:
    """Whether the last row of a file is there to its end, beyond doubt."""
    return text.endswith(("\n", "\r"))


def may_lack_digits(cells: Sequence[str], columns: Sequence[str]) -> bool:
    """Of a row without end, by our names of the columns: whether an amount in it may be cut.

    It would be credited so for good. Some exports leave out the last end of line, but no cells.
    """
    return len(cells) < len(columns) or columns[-1] in _AMOUNTS


def records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line each begins on. Raises StatementRefused."""
    if "\x00" in text:
        raise StatementRefused([Oddity(text.count("\n", 0, text.index("\x00")) + 1, "the file is not text")])
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    starts_at = 1
    try:
        for cells in reader:
            yield starts_at, cells
            starts_at = reader.line_num + 1
    except csv.Error as error:
        raise StatementRefused([Oddity(starts_at, f"not CSV: {error}")]) from None
