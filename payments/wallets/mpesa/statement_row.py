"""One row of a statement: a payment to us, a charge, a settlement, a reversal, or something else."""

import re
from datetime import datetime

from core.money import Money
from payments.wallets.mpesa.payer import read_payer
from payments.wallets.mpesa.row_key import row_key
from payments.wallets.mpesa.wire import read_amount, read_receipt, read_time
from payments.wallets.protocol import LineKind, UnreadableMessage, WalletLine
from payments.wallets.statement_cells import column

_NOT_COMPLETED = frozenset({"failed", "cancelled", "declined", "expired", "rejected"})
_TEXT_CHARACTERS_MAX = 400
_DAY_FIRST = re.compile(r"[0-9]{2}-[0-9]{2}-[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_YEAR_FIRST = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_NAMED_PAYER = re.compile(r"(?P<number>[0-9+*xX ]{6,20}?) ?- ?.*")
_TYPED = re.compile(r" from |\bacc\b|[0-9]", re.IGNORECASE)
# The first that fits counts; "Business Pay Bill Charge" is a charge although it names a paybill.
_MONEY_OUT = (
    (re.compile(r"\bcharges?\b|\bfees?\b", re.IGNORECASE), LineKind.CHARGE),
    (re.compile(r"revers", re.IGNORECASE), LineKind.REVERSAL),
    (
        re.compile(r"organi[sz]ation settle|withdraw funds|\bto bank\b|settlement", re.IGNORECASE),
        LineKind.SETTLEMENT,
    ),
)
_MONEY_IN = (
    (re.compile(r"revers", re.IGNORECASE), LineKind.REVERSAL),
    (
        re.compile(r"pay ?bill|pay utility|buy ?goods|merchant|customer", re.IGNORECASE),
        LineKind.CREDIT,
    ),
)


class NotCompleted(Exception):  # noqa: N818 -- it says what the row is
    """The row is about something that did not happen: no money moved."""


def read_row(shortcode: str, row: dict[str, str]) -> WalletLine:
    """Read a row by column name. Raises NotCompleted or UnreadableMessage, the latter naming the column."""
    status = row["status"].lower()
    if status in _NOT_COMPLETED:
        raise NotCompleted
    if status != "completed":
        raise UnreadableMessage("Transaction Status: not one we know")
    if max(map(len, row.values())) > _TEXT_CHARACTERS_MAX:
        raise UnreadableMessage(f"a cell has more than {_TEXT_CHARACTERS_MAX} characters")
    receipt = column("Receipt No.", read_receipt, row["receipt"])
    amount = _moved(row)
    reason = row.get("reason") or row["details"]
    kind = _kind(amount, row)
    balance = row.get("balance")
    linked = row.get("linked")
    payer_text = row.get("other party", "")
    named = _NAMED_PAYER.fullmatch(payer_text)
    return WalletLine(
        shortcode=shortcode,
        receipt=receipt,
        row_key=row_key(receipt, kind, amount, reason),
        kind=kind,
        amount=amount,
        at=column("Completion Time", _read_local, row["completed"]),
        account=row.get("account", ""),
        payer=read_payer(named["number"]).phone if named else None,
        payer_text=payer_text,
        linked_receipt=column("Linked Transaction ID", read_receipt, linked) if linked else "",
        balance_after=column("Balance", read_amount, balance) if balance else None,
        details=row["details"],
    )


def _moved(row: dict[str, str]) -> Money:
    """Money in above zero, money out below it, whatever sign the export gives to Withdrawn."""
    nothing = Money(0)
    paid_in = column("Paid In", read_amount, row["paid in"]) if row["paid in"] else nothing
    withdrawn = column("Withdrawn", read_amount, row["withdrawn"]) if row["withdrawn"] else nothing
    if (paid_in == nothing) == (withdrawn == nothing):
        raise UnreadableMessage("Paid In and Withdrawn: exactly one must hold an amount")
    if paid_in < nothing:
        raise UnreadableMessage("Paid In: below zero")
    return paid_in if paid_in > nothing else Money(-abs(withdrawn.amount_cents))


def _kind(amount: Money, row: dict[str, str]) -> LineKind:
    is_in = amount.amount_cents > 0
    # Details go on with a name and an account that the payer typed: those must not name the kind.
    text = row.get("reason") or _TYPED.split(row["details"])[0]
    for pattern, kind in _MONEY_IN if is_in else _MONEY_OUT:
        if pattern.search(text):
            return kind
    # Money that came with an account number was somebody's payment, by whatever name.
    return LineKind.CREDIT if is_in and row.get("account") else LineKind.OTHER


def _read_local(text: str) -> datetime:
    if _DAY_FIRST.fullmatch(text):
        return read_time(text, "%d-%m-%Y %H:%M:%S")
    if _YEAR_FIRST.fullmatch(text):
        return read_time(text, "%Y-%m-%d %H:%M:%S")
    raise UnreadableMessage("neither dd-mm-yyyy nor yyyy-mm-dd with a time")
