"""The merchant portal's transaction report as CSV: all that Airtel lists, and so the proof of each payment.

The columns are an assumption of ours until a merchant sends us a real export: Airtel documents none. Names
under which a column may also go are in `_COLUMNS`; anything else is refused whole, never guessed at.
"""

from collections.abc import Iterator
from functools import partial
from zoneinfo import ZoneInfo

from core.money import Money
from payments.wallets.airtel.collection import read_receipt
from payments.wallets.protocol import LineKind, UnreadableMessage, WalletLine
from payments.wallets.statement_cells import column, payer_or_none, read_local
from payments.wallets.statement_table import Form, Row, read_table
from payments.wallets.statements import Statement
from payments.wallets.wire import read_amount, read_payment

_COLUMNS = {
    "transaction id": "receipt",
    "airtel money id": "receipt",
    "transaction date": "at",
    "transaction date and time": "at",
    "reference": "reference",
    "reference id": "reference",
    "payer msisdn": "payer",
    "sender msisdn": "payer",
    "payer name": "name",
    "transaction type": "type",
    "service type": "type",
    "credit": "in",
    "paid in": "in",
    "debit": "out",
    "withdrawn": "out",
    "service charge": "charge",
    "fee": "charge",
    "balance": "balance",
    "closing balance": "balance",
    "status": "status",
    "transaction status": "status",
    "original transaction id": "original",
}
_REQUIRED = frozenset({"receipt", "at", "type", "in", "out", "status"})
_DONE = frozenset({"ts", "success", "successful", "transaction success", "completed"})
_NOT_DONE = frozenset({"tf", "te", "failed", "transaction failed", "expired", "reversed", "cancelled"})
_MERCHANT_LABELS = ("merchant code", "merchant", "till number")


def read_statement(content: bytes, merchant: str, currency: str, country: str, zone: ZoneInfo) -> Statement:
    """Read one export. Raises StatementRefused."""
    form = Form(
        columns=_COLUMNS,
        required=_REQUIRED,
        lines_of=partial(_lines_of, merchant=merchant, currency=currency, country=country, zone=zone),
        owner_of_preamble=_owner,
        owners_of_row=lambda _: (),
    )
    return read_table(content, merchant, form)


def _owner(cells: list[str]) -> str:
    labelled = len(cells) > 1 and cells[0].lower().rstrip(":") in _MERCHANT_LABELS
    return cells[1] if labelled else ""


def _lines_of(
    row: Row, *, merchant: str, currency: str, country: str, zone: ZoneInfo
) -> Iterator[WalletLine]:
    status = row["status"].lower()
    if status in _NOT_DONE:
        return
    if status not in _DONE:
        raise UnreadableMessage("Status: not one we know")
    receipt = column("Transaction ID", read_receipt, row["receipt"])
    at = column("Transaction Date", partial(read_local, zone=zone), row["at"])
    amount = _moved(row, currency)
    kind = _kind(row["type"].lower(), amount)
    balance = row.get("balance")
    original = row.get("original", "")
    yield WalletLine(
        shortcode=merchant,
        receipt=receipt,
        row_key=f"{receipt}:{kind}",
        kind=kind,
        amount=amount,
        at=at,
        account=row.get("reference", ""),
        payer=payer_or_none(row.get("payer", ""), country),
        payer_text=row.get("name", ""),
        linked_receipt=column("Original Transaction ID", read_receipt, original) if original else "",
        balance_after=column("Balance", partial(read_amount, currency=currency), balance)
        if balance
        else None,
        details=row["type"],
    )
    charge = row.get("charge", "")
    taken = column("Service Charge", partial(read_amount, currency=currency), charge) if charge else None
    if taken is not None and taken.amount_cents:
        yield WalletLine(
            shortcode=merchant,
            receipt=receipt,
            row_key=f"{receipt}:{LineKind.CHARGE}",
            kind=LineKind.CHARGE,
            amount=Money(-abs(taken.amount_cents), currency),
            at=at,
            details="Service Charge",
        )


def _moved(row: Row, currency: str) -> Money:
    """Money in above zero, money out below it, whatever sign the export gives to it."""
    given = {name: row[name] for name in ("in", "out") if row[name].strip("0., ")}
    if len(given) != 1:
        raise UnreadableMessage("Credit and Debit: exactly one must hold an amount")
    [(name, text)] = given.items()
    read = partial(read_payment, currency=currency)
    amount = column("Credit" if name == "in" else "Debit", read, text.lstrip("-"))
    return amount if name == "in" else -amount


def _kind(words: str, amount: Money) -> LineKind:
    if "revers" in words or "refund" in words:
        return LineKind.REVERSAL
    if amount.amount_cents > 0:
        return LineKind.CREDIT
    if "charge" in words or "fee" in words:
        return LineKind.CHARGE
    if "settle" in words or "bank" in words or "withdraw" in words:
        return LineKind.SETTLEMENT
    return LineKind.OTHER
