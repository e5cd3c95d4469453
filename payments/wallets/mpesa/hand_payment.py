"""C2B: somebody paid the shortcode by hand. Its messages, and what we answer to them."""

from enum import StrEnum

from core.money import Money
from payments.wallets.mpesa.payer import read_payer
from payments.wallets.mpesa.wire import read_amount, read_compact_time, read_payment, read_receipt
from payments.wallets.protocol import HandPayment, UnreadableMessage
from payments.wallets.wire import Identifier, Line, WireModel, read_fields, read_json

CONFIRMED = {"ResultCode": 0, "ResultDesc": "Success"}


class RejectReason(StrEnum):
    """Why a hand payment is turned away; it picks the SMS the payer gets from M-Pesa."""

    PHONE = "C2B00011"
    ACCOUNT = "C2B00012"
    AMOUNT = "C2B00013"
    KYC = "C2B00014"
    SHORTCODE = "C2B00015"
    OTHER = "C2B00016"


def accept(third_party_id: str = "") -> dict[str, str]:
    """The answer that lets a payment through. `third_party_id` comes back in its confirmation."""
    body = {"ResultCode": "0", "ResultDesc": "Accepted"}
    return {**body, "ThirdPartyTransID": third_party_id} if third_party_id else body


def reject(reason: RejectReason) -> dict[str, str]:
    """The answer that turns a payment away."""
    return {"ResultCode": reason.value, "ResultDesc": "Rejected"}


class _Message(WireModel):
    TransID: Identifier
    TransTime: Identifier
    TransAmount: Line
    BusinessShortCode: Identifier
    BillRefNumber: Line | None = None
    OrgAccountBalance: Line | None = None
    MSISDN: Line | None = None
    FirstName: Line | None = None
    MiddleName: Line | None = None
    LastName: Line | None = None


def read_hand_payment(raw: str | bytes) -> HandPayment:
    """Parse a validation or a confirmation; validations carry no balance. Raises UnreadableMessage."""
    message = read_fields(_Message, read_json(raw))
    payer = read_payer(message.MSISDN or "")
    names = (message.FirstName, message.MiddleName, message.LastName)
    return HandPayment(
        receipt=read_receipt(message.TransID),
        shortcode=message.BusinessShortCode,
        amount=read_payment(message.TransAmount),
        paid_at=read_compact_time(message.TransTime),
        account=message.BillRefNumber or "",
        payer=payer.phone,
        payer_hash=payer.hashed,
        payer_mask=payer.mask,
        payer_name=" ".join(" ".join(name for name in names if name).split()),
        balance_after=_balance_or_none(message.OrgAccountBalance),
    )


def _balance_or_none(text: str | None) -> Money | None:
    # The balance only helps to notice gaps: a payment is not turned away for it.
    try:
        return read_amount(text) if text else None
    except UnreadableMessage:
        return None
