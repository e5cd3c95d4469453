"""Request to pay: ask a phone to pay, once, under a reference of ours, and ask how it went."""

import hashlib
import re
import uuid
from typing import Any

from core.errors import InvalidValue
from payments.wallets.http import NoAnswer, NotSent
from payments.wallets.mtn.client import Answer, MtnClient
from payments.wallets.mtn.config import MtnConfig
from payments.wallets.mtn.payment import outcome_of, read_payment_of, result_of
from payments.wallets.mtn.reasons import NOT_FOUND, Refusal, reason_of
from payments.wallets.protocol import (
    Accepted,
    AskOutcome,
    PromptOutcome,
    PromptRequest,
    Rejected,
    Unknown,
    UnreadableMessage,
)

PAY_PATH = "/collection/v1_0/requesttopay"
RETRY_SECONDS = 30
NOTE_CHARACTERS_MAX = 160
_CENTS = 100
_REFERENCE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HTTP_NOT_FOUND = 404


def reference_for(contribution_id: uuid.UUID) -> str:
    """Our reference of a payment. MoMo takes only UUIDs of version 4, ours are of version 7."""
    digest = hashlib.sha256(b"momo:" + contribution_id.bytes).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def prompt(client: MtnClient, request: PromptRequest) -> PromptOutcome:
    """Send one prompt. Only what certainly moved no money is Rejected. Raises InvalidValue before sending."""
    reference = reference_for(request.contribution_id)
    body = _body(client.config, request, reference)
    headers = {"X-Reference-Id": reference, "X-Callback-Url": request.callback_url}
    try:
        answer = client.call("POST", PAY_PATH, body, headers)
    except NotSent as error:
        wait = RETRY_SECONDS if error.later else None
        return Rejected(error.provider_code, str(error), retry_seconds=wait, alert=not error.later)
    except NoAnswer as error:
        return Unknown(str(error))
    return Accepted(reference) if answer.is_ok else _refused(answer, reference)


def ask(client: MtnClient, checkout_id: str) -> AskOutcome:
    """Ask how a payment stands; a paid one comes with receipt and amount. Raises InvalidValue."""
    if not _REFERENCE.fullmatch(checkout_id):
        raise InvalidValue("not a reference of a payment")
    try:
        answer = client.call("GET", f"{PAY_PATH}/{checkout_id}")
    except (NotSent, NoAnswer) as error:
        return Unknown(str(error))
    if answer.http_status == _HTTP_NOT_FOUND and answer.code == NOT_FOUND:
        return result_of(reason_of(NOT_FOUND), checkout_id, answer.message)
    if not answer.is_ok:
        return Unknown(f"{answer.code}: {answer.message}")
    try:
        payment = read_payment_of(answer.body)
        if payment.externalId != checkout_id:
            return Unknown("the answer is about another payment")
        return outcome_of(payment, checkout_id)
    except UnreadableMessage as error:
        return Unknown(f"the answer about a payment cannot be read: {error}")


def _refused(answer: Answer, reference: str) -> PromptOutcome:
    match answer.refusal:
        case Refusal.SENT_BEFORE:
            return Accepted(reference)
        case Refusal.OURS:
            return Rejected(answer.code, answer.message, alert=True)
        case Refusal.LATER:
            return Rejected(answer.code, answer.message, retry_seconds=RETRY_SECONDS)
        case _:
            return Unknown(f"{answer.code}: {answer.message}")


def _body(config: MtnConfig, request: PromptRequest, reference: str) -> dict[str, Any]:
    units, cents = divmod(request.amount.amount_cents, _CENTS)
    if request.amount.currency != config.currency or cents or units < 1:
        raise InvalidValue(f"MoMo takes whole {config.currency}, not {request.amount}")
    if not request.phone.is_of(config.country):
        raise InvalidValue(f"{request.phone.masked} cannot have MoMo in {config.country}")
    for text in (request.account, request.description):
        if len(text) > NOTE_CHARACTERS_MAX or not text.isprintable():
            raise InvalidValue(f"a note has at most {NOTE_CHARACTERS_MAX} characters")
    config.check_callback(request.callback_url)
    return {
        "amount": str(units),
        "currency": config.currency,
        # Callbacks name only this, so it is the reference too.
        "externalId": reference,
        "payer": {"partyIdType": "MSISDN", "partyId": request.phone.wire},
        "payerMessage": request.description,
        # In the statement: whose savings these are.
        "payeeNote": request.account,
    }
