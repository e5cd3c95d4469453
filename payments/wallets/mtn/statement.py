"""MoMo's transaction export (CSV): all that MTN lists for our account, and so the proof of each payment.

Columns as public readers of the partner portal's export name them (Id, External id, Date, Status, Type, From,
From name, To, To message, Amount, Fee, Balance, Currency). That `Fee` is what our account paid, and that a
reversal names the reversed payment as its `External id`, are assumptions of ours until MTN confirms them.
"""

import re
from collections.abc import Iterator
from functools import partial
from zoneinfo import ZoneInfo

from core.money import Money
from payments.wallets.mtn.payment import read_receipt
from payments.wallets.protocol import LineKind, UnreadableMessage, WalletLine
from payments.wallets.statement_cells import column, payer_or_none, read_local
from payments.wallets.statement_table import Form, Row, read_table
from payments.wallets.statements import Statement
from payments.wallets.wire import read_amount, read_payment

_COLUMNS = {
    "id": "receipt",
    "financial transaction id": "receipt",
    "external id": "external",
    "date": "at",
    "status": "status",
    "type": "type",
    "from": "from",
    "from name": "name",
    "from handler name": "handler",
    "to": "to",
    "to message": "note",
    "payee note": "note",
    "amount": "amount",
    "fee": "fee",
    "balance": "balance",
    "currency": "currency",
}
_REQUIRED = frozenset({"receipt", "at", "status", "type", "from", "to", "amount", "currency"})
_DONE = frozenset({"successful", "success", "completed", "executed"})
_NOT_DONE = frozenset({"failed", "pending", "rejected", "expired", "cancelled", "canceled"})
# As MoMo writes accounts: `FRI:256772123456/MSISDN`, `FRI:8000001/MM`, or the bare number.
_ACCOUNT = re.compile(r"(?:FRI:)?(?P<account>[A-Za-z0-9]+)(?:/[A-Za-z]+)?", re.IGNORECASE)


def read_statement(content: bytes, account: str, currency: str, country: str, zone: ZoneInfo) -> Statement:
    """Read one export. Raises StatementRefused."""
    form = Form(
        columns=_COLUMNS,
        required=_REQUIRED,
        lines_of=partial(_lines_of, account=account, currency=currency, country=country, zone=zone),
        owner_of_preamble=lambda _: "",
        owners_of_row=lambda row: (_account(row["from"]), _account(row["to"])),
    )
    return read_table(content, account, form)


def _account(cell: str) -> str:
    found = _ACCOUNT.fullmatch(cell)
    return found["account"] if found else ""


def _lines_of(row: Row, *, account: str, currency: str, country: str, zone: ZoneInfo) -> Iterator[WalletLine]:
    status = row["status"].lower()
    if status in _NOT_DONE:
        return
    if status not in _DONE:
        raise UnreadableMessage("Status: not one we know")
    if row["currency"] != currency:
        raise UnreadableMessage("Currency: not ours")
    read = partial(read_amount, currency=currency)
    receipt = column("Id", read_receipt, row["receipt"])
    at = column("Date", partial(read_local, zone=zone), row["at"])
    amount = column("Amount", partial(read_payment, currency=currency), row["amount"].lstrip("-"))
    is_in = _account(row["to"]) == account
    if is_in == (_account(row["from"]) == account):
        raise UnreadableMessage("From and To: exactly one must be our account")
    kind = _kind(row["type"].lower(), is_in=is_in)
    balance = row.get("balance")
    yield WalletLine(
        shortcode=account,
        receipt=receipt,
        row_key=f"{receipt}:{kind}",
        kind=kind,
        amount=amount if is_in else -amount,
        at=at,
        account=row.get("note", ""),
        payer=payer_or_none(_account(row["from"]), country) if is_in else None,
        payer_text=row.get("name", ""),
        linked_receipt=_reversed(row, kind),
        balance_after=column("Balance", read, balance) if balance else None,
        details=row["type"],
    )
    fee = row.get("fee", "")
    taken = column("Fee", read, fee) if fee else None
    if taken is not None and taken.amount_cents:
        yield WalletLine(
            shortcode=account,
            receipt=receipt,
            row_key=f"{receipt}:{LineKind.CHARGE}",
            kind=LineKind.CHARGE,
            amount=Money(-abs(taken.amount_cents), currency),
            at=at,
            details="Fee",
        )


def _reversed(row: Row, kind: LineKind) -> str:
    named = row.get("external", "")
    return column("External id", read_receipt, named) if kind is LineKind.REVERSAL and named else ""


def _kind(words: str, *, is_in: bool) -> LineKind:
    if "revers" in words or "refund" in words:
        return LineKind.REVERSAL
    if is_in:
        return LineKind.CREDIT
    if "fee" in words or "charge" in words:
        return LineKind.CHARGE
    if any(word in words for word in ("settle", "bank", "withdraw", "cash out", "cash_out")):
        return LineKind.SETTLEMENT
    return LineKind.OTHER
