"""What is the same in every wallet's statement file: what reading one gives, and how its rows are had."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from core.errors import KibabaError
from payments.wallets.protocol import WalletLine

BYTES_MAX = 64 * 1024 * 1024
_FAULTS_NAMED_MAX = 20


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


def decoded(content: bytes, bytes_max: int = BYTES_MAX) -> str:
    """The text of a file. Raises StatementRefused."""
    if len(content) > bytes_max:
        raise StatementRefused([Oddity(1, f"the file has more than {bytes_max // 1024 // 1024} MiB")])
    if content.startswith(b"PK\x03\x04"):
        raise StatementRefused([Oddity(1, "an Excel workbook: export the statement as CSV")])
    utf_16 = content[:2] in {b"\xff\xfe", b"\xfe\xff"}
    for encoding in ("utf-16",) if utf_16 else ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise StatementRefused([Oddity(1, "the file is not text")])


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
