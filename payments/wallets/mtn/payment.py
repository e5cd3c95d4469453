"""How a request to pay stands, as an enquiry answers it and as a callback tells it: one shape for both."""

import re
from typing import Any

from core.errors import InvalidValue
from core.phone import PhoneNumber
from payments.wallets.mtn.reasons import Reason, reason_of
from payments.wallets.protocol import AskOutcome, Fate, PromptResult, StillOpen, Unknown, UnreadableMessage
from payments.wallets.wire import Identifier, Line, WireModel, read_fields, read_payment

_RECEIPT = re.compile(r"[A-Za-z0-9-]{4,40}")
_PENDING, _PAID, _FAILED = "PENDING", "SUCCESSFUL", "FAILED"


class _Payer(WireModel):
    partyId: Line = ""  # noqa: N815 -- MTN's name


class Payment(WireModel):
    """The fields of a status answer or a callback. `reason` is a text or `{code, message}`."""

    status: Identifier
    externalId: Identifier  # noqa: N815 -- MTN's name
    amount: Line = ""
    currency: Line = ""
    financialTransactionId: Line | None = None  # noqa: N815 -- MTN's name
    payer: _Payer | None = None
    reason: Any = None


def read_payment_of(body: Any) -> Payment:
    """Raises UnreadableMessage."""
    return read_fields(Payment, body)


def outcome_of(payment: Payment, checkout_id: str) -> AskOutcome:
    """What a payment's status means. Raises UnreadableMessage."""
    if payment.status == _PENDING:
        return StillOpen()
    if payment.status == _PAID:
        return _paid(payment, checkout_id)
    if payment.status != _FAILED:
        return Unknown(f"status {payment.status}")
    code, message = _reason(payment.reason)
    return result_of(reason_of(code), checkout_id, message)


def result_of(reason: Reason, checkout_id: str, message: str) -> PromptResult:
    """What a row of the table means for a payment."""
    return PromptResult(
        checkout_id=checkout_id,
        fate=reason.fate,
        code=reason.code,
        message=message or reason.meaning,
        told=reason.told,
        may_still_pay=reason.may_still_pay,
        retry_seconds=reason.retry_seconds,
        alert=reason.alert,
    )


def read_receipt(text: str) -> str:
    """A `financialTransactionId`. Raises UnreadableMessage."""
    if not _RECEIPT.fullmatch(text.strip()):
        raise UnreadableMessage("not a receipt of MoMo's")
    return text.strip().upper()


def _paid(payment: Payment, checkout_id: str) -> PromptResult:
    receipt = payment.financialTransactionId
    if not re.fullmatch(r"[A-Z]{3}", payment.currency):
        raise UnreadableMessage("currency: not three capital letters")
    return PromptResult(
        checkout_id=checkout_id,
        fate=Fate.PAID,
        code=_PAID,
        message="paid",
        receipt=read_receipt(receipt) if receipt else None,
        amount=read_payment(payment.amount, payment.currency),
        payer=_payer(payment.payer),
    )


def _payer(payer: _Payer | None) -> PhoneNumber | None:
    digits = (payer.partyId if payer else "").removeprefix("+")
    try:
        return PhoneNumber.parse(f"+{digits}") if digits.isdigit() else None
    except InvalidValue:
        return None


def _reason(reason: Any) -> tuple[str, str]:
    if isinstance(reason, dict):
        return _text(reason.get("code")) or _FAILED, _text(reason.get("message"))
    return _text(reason) or _FAILED, ""


def _text(value: Any) -> str:
    return "".join(c for c in value if c.isprintable())[:100].strip() if isinstance(value, str) else ""
