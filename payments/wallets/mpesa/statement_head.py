"""What stands before a statement's lines: whose statement it is, and which column is where."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_REQUIRED = frozenset({"receipt", "completed", "details", "status", "paid in", "withdrawn"})
_COLUMNS = {
    "receipt no": "receipt",
    "receipt": "receipt",
    "completion time": "completed",
    "date": "completed",
    "details": "details",
    "transaction status": "status",
    "status": "status",
    "paid in": "paid in",
    "withdrawn": "withdrawn",
    "balance": "balance",
    "reason type": "reason",
    "transaction type": "reason",
    "other party info": "other party",
    "linked transaction id": "linked",
    "a/c no": "account",
}
_PREAMBLE_RECORDS_MAX = 60
_LABEL = re.compile(r"\b(short\s*code|pay\s*bill|till)\b", re.IGNORECASE)
_CODE = re.compile(r"(?<![0-9])[0-9]{5,7}(?![0-9])")


@dataclass(frozen=True, slots=True)
class Head:
    """`records`: how many records to skip, the header included. `codes`: shortcodes the preamble names,
    and the line that names each first.
    """

    records: int
    line_number: int
    columns: tuple[str, ...]
    codes: Mapping[str, int]

    def shortcode_fault(self, shortcode: str) -> tuple[int, str] | None:
        """The line that shows that this is not the statement of `shortcode`, and why; None when it is."""
        if not self.codes:
            fault = f"the lines before the header do not say that this is the statement of {shortcode}"
            return self.line_number, fault
        if shortcode not in self.codes:
            fault = f"this is the statement of {', '.join(sorted(self.codes))}, not of {shortcode}"
            return min(self.codes.values()), fault
        return None

    def named(self, cells: list[str]) -> dict[str, str] | None:
        """Cells by column, white space evened out; None when there are more cells than columns."""
        if not is_blank(cells[len(self.columns) :]):
            return None
        padded = [*cells, *[""] * (len(self.columns) - len(cells))]
        return {name: evened(cell) for name, cell in zip(self.columns, padded, strict=False) if name}


def read_head(records: list[tuple[int, list[str]]]) -> Head | tuple[int, str]:
    """Find the header and read what is before it; or the line at fault and what is wrong with it."""
    codes: dict[str, int] = {}
    for index, (line_number, cells) in enumerate(records[:_PREAMBLE_RECORDS_MAX]):
        columns = tuple(_COLUMNS.get(evened(cell).lower().rstrip("."), "") for cell in cells)
        if "receipt" in columns and "status" in columns:
            if fault := _columns_fault(columns):
                return line_number, fault
            return Head(index + 1, line_number, columns, codes)
        text = " ".join(cells)
        named = [evened(cell) for cell in cells if _CODE.fullmatch(evened(cell))]
        if _LABEL.search(text):
            named += _CODE.findall(text)
        for code in named:
            codes.setdefault(code, line_number)
    return 1, "no header with Receipt No. and Transaction Status"


def _columns_fault(columns: tuple[str, ...]) -> str | None:
    named = [name for name in columns if name]
    if missing := _REQUIRED - set(named):
        return f"the header lacks {', '.join(sorted(missing))}"
    twice = sorted({name for name in named if named.count(name) > 1})
    return f"the header has {', '.join(twice)} twice" if twice else None


def evened(cell: str) -> str:
    """A cell with every run of white space as one blank, and none at its ends."""
    return " ".join(cell.replace("\ufeff", "").split())


def is_blank(cells: list[str]) -> bool:
    return not any(evened(cell) for cell in cells)
