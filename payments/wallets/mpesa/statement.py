"""The organisation portal's statement (CSV export): the evidence of settlement.

A file that is not this shortcode's statement is refused whole. In a good file a line that cannot be read is
set aside and reported, and the rest goes on.
"""

from payments.wallets.mpesa.statement_head import Head, is_blank, read_head
from payments.wallets.mpesa.statement_row import NotCompleted, read_row
from payments.wallets.mpesa.statement_totals import is_totals, totals_fault
from payments.wallets.protocol import UnreadableMessage, WalletLine
from payments.wallets.statements import (
    BYTES_MAX,
    WITHOUT_END,
    Oddity,
    Statement,
    StatementRefused,
    decoded,
    has_end,
    may_lack_digits,
    records,
)

__all__ = ["BYTES_MAX", "Oddity", "Statement", "StatementRefused", "read_statement"]

# Below this many filled cells a row is a remark under the table, not a line of it.
_CELLS_MIN = 3


def read_statement(content: bytes, shortcode: str) -> Statement:
    """Read one export. Raises StatementRefused."""
    text = decoded(content, BYTES_MAX)
    rows = list(records(text))
    head = read_head(rows)
    if isinstance(head, tuple):
        raise StatementRefused([Oddity(*head)])
    if fault := head.shortcode_fault(shortcode):
        raise StatementRefused([Oddity(*fault)])
    read = _Reading(shortcode, head)
    last = len(rows) - 1
    for index, (line_number, cells) in enumerate(rows[head.records :], start=head.records):
        read.take(line_number, cells, is_whole=index < last or has_end(text))
    return read.finished(last_line=rows[-1][0])


class _Reading:
    """A statement while it is being read."""

    def __init__(self, shortcode: str, head: Head) -> None:
        self._shortcode = shortcode
        self._head = head
        self._found: dict[str, list[tuple[int, WalletLine]]] = {}
        self._odd_rows: list[Oddity] = []
        self._notes: list[Oddity] = []
        self._repeated = 0
        self._not_completed = 0
        self._totals: tuple[int, dict[str, str]] | None = None

    def take(self, line_number: int, cells: list[str], *, is_whole: bool) -> None:
        """Sort one record: blank, Totals, no movement of money, a line, or an oddity."""
        if is_blank(cells):
            return
        row = self._head.named(cells)
        if is_totals(cells):
            self._totals = (line_number, row or {})
        elif sum(not is_blank([cell]) for cell in cells) < _CELLS_MIN:
            self._notes.append(Oddity(line_number, "not a line of a statement"))
        elif not is_whole and may_lack_digits(cells, self._head.columns):
            self._odd_rows.append(Oddity(line_number, WITHOUT_END))
        elif row is None:
            self._odd_rows.append(Oddity(line_number, "more cells than the header has columns"))
        else:
            self._take_row(line_number, row)

    def _take_row(self, line_number: int, row: dict[str, str]) -> None:
        try:
            line = read_row(self._shortcode, row)
        except NotCompleted:
            self._not_completed += 1
        except UnreadableMessage as error:
            self._odd_rows.append(Oddity(line_number, str(error)))
        else:
            self._found.setdefault(line.row_key, []).append((line_number, line))

    def finished(self, last_line: int) -> Statement:
        """What was read. Raises StatementRefused when there were rows and none could be read."""
        lines = self._once_each()
        if self._odd_rows and not lines:
            raise StatementRefused(sorted(self._odd_rows, key=_by_line))
        moved = [line.amount.amount_cents for line in lines]
        sums = (sum(cents for cents in moved if cents > 0), -sum(cents for cents in moved if cents < 0))
        if fault := totals_fault(*sums, self._totals and self._totals[1]):
            self._notes.append(Oddity(self._totals[0] if self._totals else last_line, fault))
        return Statement(
            shortcode=self._shortcode,
            lines=tuple(sorted(lines, key=lambda line: (line.at, line.receipt, line.row_key))),
            oddities=tuple(sorted(self._odd_rows + self._notes, key=_by_line)),
            not_completed=self._not_completed,
            repeated=self._repeated,
        )

    def _once_each(self) -> list[WalletLine]:
        lines = []
        for same_key in self._found.values():
            if all(_same_money(line, same_key[0][1]) for _, line in same_key):
                # Where repeated rows differ in spelling, the choice must not depend on their order.
                lines.append(min((line for _, line in same_key), key=repr))
                self._repeated += len(same_key) - 1
                continue
            reason = "differs from another line with the same receipt and reason"
            self._odd_rows.extend(Oddity(number, reason) for number, _ in same_key)
        return lines


def _same_money(one: WalletLine, other: WalletLine) -> bool:
    return (one.amount, one.at) == (other.amount, other.at)


def _by_line(oddity: Oddity) -> tuple[int, str]:
    return oddity.line_number, oddity.reason
