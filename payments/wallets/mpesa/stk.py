"""STK push: ask a phone to pay, once, and ask how it went."""

import base64
import re
from datetime import datetime

from core.clock import Clock
from core.errors import InvalidValue
from payments.wallets.mpesa.client import Answer, DarajaClient, NoAnswer, NotSent
from payments.wallets.mpesa.config import MpesaConfig
from payments.wallets.mpesa.error_codes import ErrorCode, Refusal
from payments.wallets.mpesa.stk_result import result_of
from payments.wallets.mpesa.wire import compact_time
from payments.wallets.protocol import (
    Accepted,
    AskOutcome,
    PromptOutcome,
    PromptRequest,
    Rejected,
    StillOpen,
    Unknown,
    UnreadableMessage,
)
from payments.wallets.wire import Identifier, Line, WireModel, read_fields

PUSH_PATH = "/mpesa/stkpush/v1/processrequest"
QUERY_PATH = "/mpesa/stkpushquery/v1/query"
ACCOUNT_CHARACTERS_MAX = 12
DESCRIPTION_CHARACTERS_MAX = 13
SHILLINGS_MAX = 250_000
RETRY_SECONDS = 30
_CENTS = 100
_ACCEPTED = "0"
_PAYER = re.compile(r"254[17][0-9]{8}")
_CHECKOUT = re.compile(r"[!-~]{1,100}")
_STILL_OPEN = re.compile(r"\b(being processed|under processing)\b", re.IGNORECASE)


def prompt(client: DarajaClient, clock: Clock, request: PromptRequest) -> PromptOutcome:
    """Send one prompt. Only what certainly moved no money is Rejected. Raises InvalidValue before sending."""
    body = _prompt_body(client.config, clock.now(), request)
    try:
        answer = client.post(PUSH_PATH, body)
    except NotSent as error:
        wait = RETRY_SECONDS if error.later else None
        return Rejected(error.provider_code, str(error), retry_seconds=wait, alert=not error.later)
    except NoAnswer as error:
        return Unknown(str(error))
    return _accepted(answer) if answer.is_ok else _refused(answer)


def ask(client: DarajaClient, clock: Clock, checkout_id: str) -> AskOutcome:
    """Ask how a prompt ended: without receipt and amount. Raises InvalidValue before sending."""
    if not _CHECKOUT.fullmatch(checkout_id):
        raise InvalidValue("not a checkout id")
    body = {**_signed(client.config, clock.now()), "CheckoutRequestID": checkout_id}
    try:
        answer = client.post(QUERY_PATH, body)
    except (NotSent, NoAnswer) as error:
        return Unknown(str(error))
    if not answer.is_ok:
        refused = answer.refused
        if refused.refusal is Refusal.BEING_PROCESSED:
            return StillOpen()
        return Unknown(f"{refused.code}: {answer.message}")
    return _how_it_ended(answer, checkout_id)


def password(config: MpesaConfig, timestamp: str) -> str:
    """Base64 of shortcode, passkey and the very `Timestamp` that goes with it."""
    return base64.b64encode(f"{config.shortcode}{config.passkey}{timestamp}".encode()).decode()


def _signed(config: MpesaConfig, now: datetime) -> dict[str, str | int]:
    timestamp = compact_time(now)
    return {
        "BusinessShortCode": config.shortcode,
        "Password": password(config, timestamp),
        "Timestamp": timestamp,
    }


def _prompt_body(config: MpesaConfig, now: datetime, request: PromptRequest) -> dict[str, str | int]:
    shillings, cents = divmod(request.amount.amount_cents, _CENTS)
    if request.amount.currency != "KES" or cents or not 1 <= shillings <= SHILLINGS_MAX:
        raise InvalidValue(f"M-Pesa takes whole shillings from 1 to {SHILLINGS_MAX:,}, not {request.amount}")
    if not _PAYER.fullmatch(request.phone.wire):
        raise InvalidValue(f"{request.phone.masked} cannot have M-Pesa in Kenya")
    _check_text("account", request.account, 1, ACCOUNT_CHARACTERS_MAX)
    _check_text("description", request.description, 0, DESCRIPTION_CHARACTERS_MAX)
    config.check_callback(request.callback_url)
    body = {
        **_signed(config, now),
        "TransactionType": config.transaction_type,
        "Amount": shillings,
        "PartyA": request.phone.wire,
        "PartyB": config.receiver,
        "PhoneNumber": request.phone.wire,
        "CallBackURL": request.callback_url,
        "AccountReference": request.account,
    }
    return {**body, "TransactionDesc": request.description} if request.description else body


def _check_text(name: str, text: str, least: int, most: int) -> None:
    if not least <= len(text) <= most or text != text.strip() or not text.isprintable():
        raise InvalidValue(f"the {name} must have {least} to {most} characters, none of them at a blank end")


class _PushReply(WireModel):
    ResponseCode: Line
    ResponseDescription: Line = ""
    CheckoutRequestID: Identifier | None = None
    MerchantRequestID: Identifier | None = None


def _accepted(answer: Answer) -> PromptOutcome:
    try:
        reply = read_fields(_PushReply, answer.body)
    except UnreadableMessage as error:
        return Unknown(f"the answer to a prompt cannot be read: {error}")
    if reply.ResponseCode != _ACCEPTED:
        return Rejected(reply.ResponseCode, reply.ResponseDescription, alert=True)
    if reply.CheckoutRequestID is None:
        return Unknown("the prompt was accepted without a checkout id")
    return Accepted(reply.CheckoutRequestID, reply.MerchantRequestID or "")


def _refused(answer: Answer) -> PromptOutcome:
    refused: ErrorCode = answer.refused
    match refused.refusal:
        case Refusal.OURS:
            return Rejected(refused.code, answer.message, alert=True)
        case Refusal.TOKEN:
            return Rejected(refused.code, answer.message, retry_seconds=RETRY_SECONDS, alert=True)
        case Refusal.LATER:
            return Rejected(
                refused.code, answer.message, retry_seconds=refused.retry_seconds or RETRY_SECONDS
            )
        case _:
            return Unknown(f"{refused.code}: {answer.message}")


class _QueryReply(WireModel):
    CheckoutRequestID: Identifier
    ResultCode: Identifier
    ResultDesc: Line = ""
    MerchantRequestID: Identifier | None = None


def _how_it_ended(answer: Answer, checkout_id: str) -> AskOutcome:
    try:
        reply = read_fields(_QueryReply, answer.body)
    except UnreadableMessage as error:
        return Unknown(f"the answer about a prompt cannot be read: {error}")
    if reply.CheckoutRequestID != checkout_id:
        return Unknown("the answer is about another prompt")
    # Seen with HTTP 200 as well, under a result code of its own.
    if reply.ResultCode != _ACCEPTED and _STILL_OPEN.search(reply.ResultDesc):
        return StillOpen()
    return result_of(checkout_id, reply.ResultCode, reply.ResultDesc, reply.MerchantRequestID or "")
