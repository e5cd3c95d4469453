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


def plain_lines(columns: tuple[str, ...]) -> re.Pattern[bytes] | None:
    """Matches as many plain lines as follow each other; None where the columns tell too little for that."""
    if not _CELLS.keys() - {"balance", "linked"} <= set(columns):
        return None
    cells = rb",".join(_CELLS.get(name, _TEXT) for name in columns)
    return re.compile(rb"(?:" + cells + rb"\r?\n)*+")
