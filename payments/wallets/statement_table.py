"""Reading a statement that is a plain table: each row is taken, skipped, or set aside and named."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from payments.wallets.protocol import UnreadableMessage, WalletLine
from payments.wallets.statements import (
    WITHOUT_END,
    Oddity,
    Statement,
    StatementRefused,
    decoded,
    has_end,
    may_lack_digits,
    records,
)

_PREAMBLE_RECORDS_MAX = 60
_CELL_CHARACTERS_MAX = 400

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """How one wallet's export looks.

    `columns`: the header's words, in small letters, and what we call them. `required`: ours. `lines_of`: what
    a row says, none for one that moved no money; raises UnreadableMessage naming the column. `owner_of_…`:
    whose statement a row, or a record before the header, says it is.
    """

    columns: Mapping[str, str]
    required: frozenset[str]
    lines_of: Callable[[Row], Iterable[WalletLine]]
    owner_of_preamble: Callable[[list[str]], str]
    owners_of_row: Callable[[Row], Iterable[str]]


def read_table(content: bytes, account: str, form: Form) -> Statement:
    """Read one export. Raises StatementRefused for a file that is not of this form, or not of `account`."""
    text = decoded(content)
    rows = list(records(text))
    header, columns, owners = _head(rows, form)
    reading = _Reading()
    last = len(rows) - 1
    for index, (line_number, cells) in enumerate(rows[header + 1 :], start=header + 1):
        row = _named(cells, columns)
        if index == last and not has_end(text) and may_lack_digits(cells, columns):
            reading.odd.append(Oddity(line_number, WITHOUT_END))
        elif row is None:
            reading.odd.append(Oddity(line_number, "more cells than the header has columns"))
        elif any(row.values()):
            _name(owners, form.owners_of_row(row), line_number)
            reading.take(line_number, row, form)
    if account not in owners:
        named = ", ".join(sorted(owners)[:3]) or "nobody"
        at = min(owners.values(), default=rows[header][0])
        raise StatementRefused([Oddity(at, f"this is the statement of {named}, not of {account}")])
    return reading.finished(account)


def _name(owners: dict[str, int], named: Iterable[str], line_number: int) -> None:
    """Keep the line that names each first."""
    for owner in filter(None, named):
        owners.setdefault(owner, line_number)


def _head(rows: list[tuple[int, list[str]]], form: Form) -> tuple[int, list[str], dict[str, int]]:
    owners: dict[str, int] = {}
    for index, (line_number, cells) in enumerate(rows[:_PREAMBLE_RECORDS_MAX]):
        columns = [form.columns.get(_evened(cell).lower().rstrip("."), "") for cell in cells]
        named = [column for column in columns if column]
        if len(form.required.intersection(named)) <= 1:
            _name(owners, [form.owner_of_preamble([_evened(cell) for cell in cells])], line_number)
            continue
        if missing := form.required.difference(named):
            fault = f"the header lacks {', '.join(sorted(missing))}"
            raise StatementRefused([Oddity(line_number, fault)])
        if len(set(named)) < len(named):
            raise StatementRefused([Oddity(line_number, "the header has a column twice")])
        return index, columns, owners
    raise StatementRefused([Oddity(1, "no header of a statement")])


def _named(cells: list[str], columns: list[str]) -> dict[str, str] | None:
    """Cells by column; None when there are more cells than columns."""
    if any(cell.strip() for cell in cells[len(columns) :]):
        return None
    padded = [*cells, *[""] * (len(columns) - len(cells))]
    return {name: _evened(cell) for name, cell in zip(columns, padded, strict=False) if name}


def _evened(cell: str) -> str:
    return " ".join(cell.replace("\ufeff", "").split())


class _Reading:
    def __init__(self) -> None:
        self.odd: list[Oddity] = []
        self._found: dict[str, tuple[int, WalletLine]] = {}
        self._repeated = 0
        self._not_completed = 0

    def take(self, line_number: int, row: Row, form: Form) -> None:
        try:
            if any(len(cell) > _CELL_CHARACTERS_MAX for cell in row.values()):
                raise UnreadableMessage(f"a cell has more than {_CELL_CHARACTERS_MAX} characters")  # noqa: TRY301 -- one place sets rows aside
            lines = list(form.lines_of(row))
        except UnreadableMessage as error:
            self.odd.append(Oddity(line_number, str(error)))
            return
        self._not_completed += not lines
        for line in lines:
            self._keep(line_number, line)

    def _keep(self, line_number: int, line: WalletLine) -> None:
        number, known = self._found.setdefault(line.row_key, (line_number, line))
        if number == line_number:
            return
        if (known.amount, known.at) == (line.amount, line.at):
            self._repeated += 1
            return
        # Two truths about one receipt: neither is taken from here, and staff see both.
        reason = "differs from another line with the same receipt"
        self.odd += [Oddity(number, reason), Oddity(line_number, reason)]
        del self._found[line.row_key]

    def finished(self, account: str) -> Statement:
        lines = [line for _, line in self._found.values()]
        if self.odd and not lines:
            raise StatementRefused(sorted(self.odd, key=_by_line))
        return Statement(
            shortcode=account,
            lines=tuple(sorted(lines, key=lambda line: (line.at, line.receipt, line.row_key))),
            oddities=tuple(sorted(self.odd, key=_by_line)),
            not_completed=self._not_completed,
            repeated=self._repeated,
        )


def _by_line(oddity: Oddity) -> tuple[int, str]:
    return oddity.line_number, oddity.reason
