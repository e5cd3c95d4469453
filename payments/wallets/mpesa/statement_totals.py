"""The Totals row that closes a statement: does it agree with the lines above it?"""

from payments.wallets.mpesa.statement_head import evened
from payments.wallets.mpesa.wire import read_amount
from payments.wallets.protocol import UnreadableMessage


def is_totals(cells: list[str]) -> bool:
    """Whether the first word of the row is Total or Totals; cells before it may be empty."""
    first = next((evened(cell) for cell in cells if evened(cell)), "")
    return first.lower().rstrip(":.") in {"total", "totals", "grand total"}


def totals_fault(in_cents: int, out_cents: int, totals: dict[str, str] | None) -> str | None:
    """What is wrong with the Totals, in words; None when they agree. A file cut short shows here.

    `in_cents` and `out_cents`: what the lines that were read sum to, neither below zero.
    """
    if totals is None:
        return "the file has no Totals row at its end: it may be cut short"
    for column, expected in (("paid in", in_cents), ("withdrawn", out_cents)):
        written = totals.get(column, "")
        try:
            if written and abs(read_amount(written).amount_cents) != expected:
                return f"the Totals of {column} are not the sum of the lines that were read"
        except UnreadableMessage:
            return f"the Totals of {column} are not an amount"
    return None
