"""One row of Pull Transactions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from payments.wallets.mpesa.payer import read_payer
from payments.wallets.mpesa.row_key import pulled_row_key
from payments.wallets.mpesa.spaced_keys import without_spaces
from payments.wallets.mpesa.wire import in_utc, read_payment, read_receipt
from payments.wallets.protocol import LineKind, UnreadableMessage, WalletLine
from payments.wallets.wire import Identifier, Line, WireModel, read_fields


class _Row(WireModel):
    transactionid: Identifier
    trxdate: Line
    amount: Line
    transactiontype: Line | None = None
    billreference: Line | None = None
    msisdn: Line | None = None
    sender: Line | None = None


def read_row(shortcode: str, row: Mapping[str, Any]) -> WalletLine:
    """A payment to us, or the reversal of one. Raises UnreadableMessage."""
    fields = read_fields(_Row, without_spaces(row))
    receipt = read_receipt(fields.transactionid)
    amount = read_payment(fields.amount.removeprefix("-"))
    details = fields.transactiontype or ""
    kind = LineKind.REVERSAL if "revers" in details.lower() else LineKind.CREDIT
    if kind is LineKind.REVERSAL:
        amount = -amount
    elif fields.amount.startswith("-"):
        raise UnreadableMessage("a payment must be more than nothing")
    payer = read_payer(fields.msisdn or "")
    return WalletLine(
        shortcode=shortcode,
        receipt=receipt,
        row_key=pulled_row_key(receipt, kind, amount, details),
        kind=kind,
        amount=amount,
        at=_read_instant(fields.trxdate),
        account=fields.billreference or "",
        payer=payer.phone,
        payer_text=fields.sender or payer.mask or "",
        details=details,
    )


def _read_instant(text: str) -> datetime:
    try:
        return in_utc(datetime.fromisoformat(text))
    except ValueError:
        raise UnreadableMessage("not a time") from None
