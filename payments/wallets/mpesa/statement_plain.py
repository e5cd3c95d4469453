"""Lines of a statement so plain that the database may read them itself: a payment to us, in ASCII, as usual.

Whatever is not of this form is no fault: it is read cell by cell (`statement_row`). A plain line must mean
there exactly what it means here.
"""

import re

_TEXT = rb"[ !#-+\--~]{0,200}+"
_AMOUNT = rb'(?:"[1-9][0-9]{0,2}(?:,[0-9]{3}){1,3}\.[0-9]{2}"|[1-9][0-9]{0,8}\.[0-9]{2})'
_YEAR = rb"20(?:0[7-9]|[1-9][0-9])"
# Every day that a month surely has; the others are read cell by cell.
_CLOCK = rb" (?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_DAY_MONTH = (
    rb"(?:(?:0[1-9]|1[0-9]|2[0-8])-(?:0[1-9]|1[0-2])|(?:29|30)-(?:0[13-9]|1[0-2])|31-(?:0[13578]|1[02]))-"
)
_MONTH_DAY = (
    rb"-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
_TIME = rb"(?:" + _DAY_MONTH + _YEAR + rb"|" + _YEAR + _MONTH_DAY + rb")" + _CLOCK
_CELLS = {
    "receipt": rb"[A-Z0-9]{6,20}+",
    "completed": _TIME,
    "status": rb"Completed",
    "paid in": _AMOUNT,
    "withdrawn": rb"",
    "balance": rb"(?:" + _AMOUNT + rb")?",
    "reason": rb"(?:Pay Bill Online|Pay Bill|Pay Utility|Customer Pay Bill|Buy Goods Online|Buy Goods|"
    rb"Customer Merchant Payment)",
    "linked": rb"",
}


# What of a plain line the database is told, and what it calls it there.
_TOLD = {
    "receipt": "receipt",
    "completed": "at",
    "paid in": "amount_cents",
    "balance": "balance_after_cents",
}
# Amounts have two digits after the point: without these marks they are cents.
_MARKS = b'",.'


class PlainForm:
    """The plain form of lines with these columns. `told`: what of them is passed on, in their order."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        line = rb",".join(_CELLS.get(name, _TEXT) for name in columns) + rb"\r?\n"
        cells = rb",".join(
            rb"(" + _CELLS[name] + rb")" if name in _TOLD else _CELLS.get(name, _TEXT) for name in columns
        )
        self.told = tuple(_TOLD[name] for name in columns if name in _TOLD)
        # Not possessive: before Python 3.11.5 such a group may end in what it refused (CPython gh-106052).
        self._run = re.compile(rb"(?:" + line + rb")*")
        self._lines = re.compile(rb"^" + cells + rb"\r?\n", re.MULTILINE)

    def run_end(self, block: bytes, start: int) -> int:
        """Where the plain lines that follow each other from `start` on end."""
        found = self._run.match(block, start)
        return found.end() if found else start

    def read(self, lines: bytes) -> tuple[int, bytes]:
        """How many of these lines are plain, and what those tell, for COPY."""
        rows = self._lines.findall(lines)
        return len(rows), b"".join([b"\t".join(row) + b"\n" for row in rows]).translate(None, _MARKS)


def plain_form(columns: tuple[str, ...]) -> PlainForm | None:
    """None where the columns tell too little for plain lines."""
    if not _CELLS.keys() - {"balance", "linked"} <= set(columns):
        return None
    return PlainForm(columns)
