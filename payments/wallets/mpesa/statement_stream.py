"""Reading an organisation statement of any length: what `statement` reads, in memory that does not grow."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from payments.wallets.mpesa.statement_head import Head, is_blank, read_head
from payments.wallets.mpesa.statement_plain import plain_form
from payments.wallets.mpesa.statement_records import Records, read_record
from payments.wallets.mpesa.statement_row import NotCompleted, read_row
from payments.wallets.mpesa.statement_totals import is_totals, totals_fault
from payments.wallets.mpesa.wire import CURRENCY, EAST_AFRICA
from payments.wallets.protocol import UnreadableMessage
from payments.wallets.statements import (
    WITHOUT_END,
    Oddity,
    PlainRows,
    ReadRow,
    StatementRefused,
    may_lack_digits,
)

# Below this many filled cells a row is a remark under the table, not a line of it.
_CELLS_MIN = 3
_HEAD_RECORDS_MAX = 60


class StreamedStatement:
    """One export. Made, it has read the head: what is not a statement of ours is refused at once."""

    currency = CURRENCY
    behind_utc: timedelta = EAST_AFRICA.utcoffset(datetime.min)  # noqa: DTZ901 -- it has no daylight saving

    def __init__(self, chunks: Iterable[bytes], shortcode: str) -> None:
        self.shortcode = shortcode
        self.oddities: list[Oddity] = []
        self.notes: list[Oddity] = []
        self.not_completed = self.repeated = 0
        self._totals: tuple[int, dict[str, str]] | None = None
        self._records = Records(chunks)
        self._head = self._read_head()
        self._plain = plain_form(self._head.columns)
        self.plain_columns = self._plain.told if self._plain else ()

    def _read_head(self) -> Head:
        seen: list[tuple[int, list[str]]] = []
        while len(seen) < _HEAD_RECORDS_MAX and (record := self._records.next_record()):
            seen.append(record)
            head = read_head(seen)
            if isinstance(head, Head):
                if fault := head.shortcode_fault(self.shortcode):
                    raise StatementRefused([Oddity(*fault)])
                return head
        raise StatementRefused([Oddity(*_head_fault(seen))])

    def parts(self) -> Iterator[PlainRows | ReadRow]:
        """Runs of plain rows, and what was read of the others. Raises StatementRefused."""
        for part in self._records.rest(self._plain):
            if isinstance(part, PlainRows):
                yield part
            elif (row := self._read_cells(*part, is_whole=self._records.has_end)) is not None:
                yield row

    def read_line(self, line_number: int, data: bytes) -> ReadRow | None:
        """Read a plain row with care."""
        return self._read_cells(line_number, read_record(line_number, data))

    def _read_cells(self, line_number: int, cells: list[str], *, is_whole: bool = True) -> ReadRow | None:
        """Sort one record: blank, Totals, no movement of money, a line, or an oddity."""
        if is_blank(cells):
            return None
        row = self._head.named(cells)
        if is_totals(cells):
            self._totals = (line_number, row or {})
        elif sum(not is_blank([cell]) for cell in cells) < _CELLS_MIN:
            self.notes.append(Oddity(line_number, "not a line of a statement"))
        elif not is_whole and may_lack_digits(cells, self._head.columns):
            self._set_aside(line_number, WITHOUT_END)
        elif row is None:
            self._set_aside(line_number, "more cells than the header has columns")
        else:
            return self._read_row(line_number, row)
        return None

    def _read_row(self, line_number: int, row: dict[str, str]) -> ReadRow | None:
        try:
            return ReadRow(line_number, read_row(self.shortcode, row))
        except NotCompleted:
            self.not_completed += 1
        except UnreadableMessage as error:
            self._set_aside(line_number, str(error))
        return None

    def check_totals(self, in_cents: int, out_cents: int) -> None:
        """A file that was cut short shows here."""
        line_number, totals = self._totals or (self._records.line_number - 1, None)
        if fault := totals_fault(in_cents, out_cents, totals):
            self.notes.append(Oddity(line_number, fault))

    def _set_aside(self, line_number: int, reason: str) -> None:
        self.oddities.append(Oddity(line_number, reason))


def _head_fault(seen: list[tuple[int, list[str]]]) -> tuple[int, str]:
    """Why no head was found among these records."""
    head = read_head(seen)
    return (1, "no header") if isinstance(head, Head) else head
