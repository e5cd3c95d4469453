"""The STK callback: how a prompt ended, as Daraja posts it."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from core.errors import InvalidValue
from core.phone import PhoneNumber
from payments.wallets.mpesa.result_codes import meaning_of
from payments.wallets.mpesa.wire import read_compact_time, read_payment, read_receipt
from payments.wallets.protocol import Fate, PromptResult, UnreadableMessage
from payments.wallets.wire import Identifier, Line, WireModel, read_fields, read_json

_ITEMS_MAX = 20


class _Item(WireModel):
    Name: Line
    Value: Any = None


class _Metadata(WireModel):
    Item: list[_Item]


class _Callback(WireModel):
    CheckoutRequestID: Identifier
    MerchantRequestID: Identifier | None = None
    ResultCode: Identifier
    ResultDesc: Line = ""
    CallbackMetadata: _Metadata | None = None


class _Body(WireModel):
    stkCallback: _Callback  # noqa: N815 -- Daraja's name


class _Envelope(WireModel):
    Body: _Body


def result_of(checkout_id: str, code: str, message: str, merchant_id: str = "") -> PromptResult:
    """What a result code means for a prompt; without receipt and amount, as a query gives it."""
    meaning = meaning_of(code)
    return PromptResult(
        checkout_id=checkout_id,
        fate=meaning.fate,
        code=code,
        message=message,
        told=meaning.told,
        may_still_pay=meaning.may_still_pay,
        merchant_id=merchant_id,
        retry_seconds=meaning.retry_seconds,
        alert=meaning.alert,
    )


def read_prompt_result(raw: str | bytes) -> PromptResult:
    """Parse a callback. Raises UnreadableMessage, and nothing else, whatever the bytes are.

    Receipt and amount must be right when they are there; payer and time are extras and are left out when
    they cannot be read, since the money is real without them.
    """
    callback = read_fields(_Envelope, read_json(raw)).Body.stkCallback
    result = result_of(
        callback.CheckoutRequestID, callback.ResultCode, callback.ResultDesc, callback.MerchantRequestID or ""
    )
    if result.fate is not Fate.PAID or callback.CallbackMetadata is None:
        return result
    values = _by_name(callback.CallbackMetadata.Item)
    receipt, amount = values.get("MpesaReceiptNumber"), values.get("Amount")
    if receipt is not None and amount is None:
        # M-Pesa always says how much; without it the amount asked would stand in for the amount paid.
        raise UnreadableMessage("a receipt without an amount")
    return replace(
        result,
        receipt=None if receipt is None else read_receipt(receipt),
        amount=None if amount is None else read_payment(amount),
        paid_at=_time_or_none(values.get("TransactionDate")),
        payer=_phone_or_none(values.get("PhoneNumber")),
    )


def _by_name(items: list[_Item]) -> dict[str, str]:
    """Items in any order, those without a value left out. A name with two values is a fault or a forgery."""
    if len(items) > _ITEMS_MAX:
        raise UnreadableMessage("too many items")
    found: dict[str, str] = {}
    for item in items:
        if item.Value is None:
            continue
        if not isinstance(item.Value, str):
            raise UnreadableMessage("an item's value is neither number nor text")
        if found.setdefault(item.Name, item.Value) != item.Value:
            raise UnreadableMessage("an item occurs twice with different values")
    return found


def _time_or_none(text: str | None) -> datetime | None:
    try:
        return read_compact_time(text) if text else None
    except UnreadableMessage:
        return None


def _phone_or_none(text: str | None) -> PhoneNumber | None:
    try:
        return PhoneNumber.parse(text) if text else None
    except InvalidValue:
        return None
