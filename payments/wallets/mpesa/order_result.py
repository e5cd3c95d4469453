"""The `Result` body: how a payout, a reversal or an enquiry ended, as Daraja posts it."""

from datetime import datetime
from typing import Any

from payments.wallets.mpesa.order_codes import meaning_of_order
from payments.wallets.mpesa.wire import CURRENCY, read_amount, read_compact_time, read_receipt, read_time
from payments.wallets.payouts import HeldBalance, OrderFate, OrderKind, OrderResult
from payments.wallets.protocol import UnreadableMessage
from payments.wallets.wire import Identifier, Line, WireModel, read_fields, read_json

_PARAMETERS_MAX = 40
_ACCOUNT_FIELDS = 3


class _Result(WireModel):
    ResultType: Identifier | None = None
    ResultCode: Identifier
    ResultDesc: Line = ""
    OriginatorConversationID: Identifier
    ConversationID: Line | None = None
    TransactionID: Line | None = None
    ResultParameters: Any = None


class _Envelope(WireModel):
    Result: _Result


def read_result(kind: OrderKind, raw: str | bytes) -> OrderResult:
    """Parse a result. Raises UnreadableMessage, and nothing else, whatever the bytes are.

    The receipt of a payout must be right when it is there; times are extras.
    """
    result = read_fields(_Envelope, read_json(raw)).Result
    values = _by_key(result.ResultParameters)
    meaning = meaning_of_order(kind, result.ResultCode, values.get("TransactionStatus", ""))
    receipt = values.get("TransactionReceipt") or values.get("ReceiptNo")
    if receipt is None and meaning.fate is OrderFate.DONE and kind is not OrderKind.STATUS:
        receipt = result.TransactionID
    # That the question was answered tells staff nothing: they are told the answer, when it is one we know.
    is_answered = kind is OrderKind.STATUS and meaning.fate in {OrderFate.DONE, OrderFate.FAILED}
    amount = values.get("TransactionAmount") or values.get("Amount")
    original = values.get("OriginalTransactionID")
    return OrderResult(
        kind=kind,
        originator_id=result.OriginatorConversationID,
        conversation_id=result.ConversationID or "",
        fate=meaning.fate,
        code=result.ResultCode,
        message=meaning.meaning if is_answered else result.ResultDesc,
        receipt=read_receipt(receipt) if receipt else "",
        amount=read_amount(amount) if amount else None,
        at=_time_or_none(values),
        original_receipt=read_receipt(original) if original else "",
        balances=_balances(values.get("AccountBalance", "")),
        alert=meaning.alert,
    )


def read_timeout(kind: OrderKind, raw: str | bytes) -> OrderResult:
    """Parse a queue time-out: whatever code it carries, nobody knows what became of the order."""
    result = read_fields(_Envelope, read_json(raw)).Result
    return OrderResult(
        kind=kind,
        originator_id=result.OriginatorConversationID,
        conversation_id=result.ConversationID or "",
        fate=OrderFate.UNKNOWN,
        code=result.ResultCode,
        message=result.ResultDesc,
    )


def _by_key(parameters: Any) -> dict[str, str]:
    """Parameters in any order; one alone comes as an object, and a key may come without a value."""
    if parameters is None:
        return {}
    listed = parameters.get("ResultParameter") if isinstance(parameters, dict) else None
    pairs = listed if isinstance(listed, list) else [listed]
    if len(pairs) > _PARAMETERS_MAX:
        raise UnreadableMessage("too many parameters")
    found: dict[str, str] = {}
    for pair in pairs:
        if not isinstance(pair, dict):
            raise UnreadableMessage("the result's parameters have no known form")
        key, value = pair.get("Key"), pair.get("Value")
        if not isinstance(key, str) or value is None:
            continue
        if not isinstance(value, str) or found.setdefault(key, value) != value:
            raise UnreadableMessage("a parameter is no text, or occurs twice with different values")
    return found


def _balances(text: str) -> tuple[HeldBalance, ...]:
    """`Name|KES|available|current|reserved|uncleared`, accounts joined by `&`."""
    found = []
    for account in filter(None, text.split("&")):
        parts = account.split("|")
        if len(parts) < _ACCOUNT_FIELDS or parts[1] != CURRENCY:
            raise UnreadableMessage("an account's balance has no known form")
        found.append(HeldBalance(parts[0].strip()[:40], read_amount(parts[2])))
    return tuple(found)


def _time_or_none(values: dict[str, str]) -> datetime | None:
    try:
        if dotted := values.get("TransactionCompletedDateTime"):
            return read_time(dotted, "%d.%m.%Y %H:%M:%S")
        for key in ("FinalisedTime", "TransCompletedTime", "BOCompletedTime"):
            if text := values.get(key):
                return read_compact_time(text)
    except UnreadableMessage:
        return None
    return None
