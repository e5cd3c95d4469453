"""The Totals row that closes a statement: does it agree with the lines above it?"""

from collections.abc import Iterable

from payments.wallets.mpesa.statement_head import evened
from payments.wallets.mpesa.wire import read_amount
from payments.wallets.protocol import UnreadableMessage, WalletLine


def is_totals(cells: list[str]) -> bool:
    """Whether the first word of the row is Total or Totals; cells before it may be empty."""
    first = next((evened(cell) for cell in cells if evened(cell)), "")
    return first.lower().rstrip(":.") in {"total", "totals", "grand total"}


def totals_fault(lines: Iterable[WalletLine], totals: dict[str, str] | None) -> str | None:
    """What is wrong with the Totals, in words; None when they agree. A file cut short shows here."""
    if totals is None:
        return "the file has no Totals row at its end: it may be cut short"
    moved = [line.amount.amount_cents for line in lines]
    sums = {
        "paid in": sum(cents for cents in moved if cents > 0),
        "withdrawn": -sum(cents for cents in moved if cents < 0),
    }
    for column, expected in sums.items():
        written = totals.get(column, "")
        try:
            if written and abs(read_amount(written).amount_cents) != expected:
                return f"the Totals of {column} are not the sum of the lines that were read"
        except UnreadableMessage:
            return f"the Totals of {column} are not an amount"
    return None
