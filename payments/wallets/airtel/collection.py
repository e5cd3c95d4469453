"""USSD push: ask a phone to pay, once, under an id of ours, and enquire how it went."""

import re
import uuid
from typing import Any

from core.errors import InvalidValue
from payments.wallets.airtel.client import AirtelClient, Answer
from payments.wallets.airtel.config import AirtelConfig
from payments.wallets.airtel.response_codes import (
    EXPIRED_CODE,
    NO_SUCH_CODE,
    PAID_CODE,
    ResponseCode,
    Standing,
    meaning_of,
    standing_of,
)
from payments.wallets.http import NoAnswer, NotSent
from payments.wallets.protocol import (
    Accepted,
    AskOutcome,
    Fate,
    PromptOutcome,
    PromptRequest,
    PromptResult,
    Rejected,
    StillOpen,
    Unknown,
    UnreadableMessage,
)
from payments.wallets.wire import Identifier, Line, WireModel, read_fields

PUSH_PATH = "/merchant/v1/payments/"
ENQUIRY_PATH = "/standard/v1/payments/"
RETRY_SECONDS = 30
REFERENCE_CHARACTERS = range(1, 65)
_CENTS = 100
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_RECEIPT = re.compile(r"[A-Za-z0-9.]{4,40}")


def id_for(contribution_id: uuid.UUID) -> str:
    """Our id of a payment: Airtel takes each only once, so that one wish cannot be prompted twice."""
    return contribution_id.hex


def prompt(client: AirtelClient, request: PromptRequest) -> PromptOutcome:
    """Send one prompt. Only what certainly moved no money is Rejected. Raises InvalidValue before sending."""
    body = _push_body(client.config, request)
    try:
        answer = client.call("POST", PUSH_PATH, body)
    except NotSent as error:
        wait = RETRY_SECONDS if error.later else None
        return Rejected(error.provider_code, str(error), retry_seconds=wait, alert=not error.later)
    except NoAnswer as error:
        return Unknown(str(error))
    return _taken(answer, id_for(request.contribution_id))


def ask(client: AirtelClient, checkout_id: str) -> AskOutcome:
    """Enquire how a payment stands; a paid one comes with receipt, and without amount.

    Raises InvalidValue before sending.
    """
    if not _ID.fullmatch(checkout_id):
        raise InvalidValue("not an id of a payment")
    try:
        answer = client.call("GET", ENQUIRY_PATH + checkout_id)
    except (NotSent, NoAnswer) as error:
        return Unknown(str(error))
    if answer.response_code == NO_SUCH_CODE or standing_of(answer.result_code) is Standing.NO_SUCH:
        return result_of(checkout_id, meaning_of(NO_SUCH_CODE), answer.message)
    if not answer.is_ok:
        return Unknown(f"{answer.name}: {answer.message}")
    return _how_it_stands(answer, checkout_id)


def read_receipt(text: str) -> str:
    """An `airtel_money_id`, in capitals. Raises UnreadableMessage."""
    if not _RECEIPT.fullmatch(text.strip()):
        raise UnreadableMessage("not a receipt of Airtel's")
    return text.strip().upper()


def result_of(
    checkout_id: str, row: ResponseCode, message: str, *, receipt: str | None = None
) -> PromptResult:
    """What a row means for a payment. A payment that goes on is not a result: its fate is then unknown."""
    return PromptResult(
        checkout_id=checkout_id,
        fate=row.fate or Fate.UNKNOWN,
        code=row.code,
        message=message or row.meaning,
        told=row.told,
        may_still_pay=row.may_still_pay,
        receipt=receipt,
        retry_seconds=row.retry_seconds,
        alert=row.alert,
    )


def _push_body(config: AirtelConfig, request: PromptRequest) -> dict[str, Any]:
    units, cents = divmod(request.amount.amount_cents, _CENTS)
    if request.amount.currency != config.currency or cents or units < 1:
        raise InvalidValue(f"Airtel takes whole {config.currency}, not {request.amount}")
    if not request.phone.is_of(config.country):
        raise InvalidValue(f"{request.phone.masked} cannot have Airtel Money in {config.country}")
    if len(request.account) not in REFERENCE_CHARACTERS or not request.account.isalnum():
        raise InvalidValue("the reference must be letters and digits")
    place = {"country": config.country, "currency": config.currency}
    return {
        # On the payer's phone and in the merchant's statement: whose savings these are.
        "reference": request.account,
        "subscriber": {**place, "msisdn": request.phone.national},
        "transaction": {**place, "amount": units, "id": id_for(request.contribution_id)},
    }


def _taken(answer: Answer, checkout_id: str) -> PromptOutcome:
    standing = standing_of(answer.result_code)
    if standing is Standing.SENT_BEFORE:
        # Our ids are of one wish each, so it was this one.
        return Accepted(checkout_id)
    if answer.is_too_many:
        return Rejected(answer.name, answer.message, retry_seconds=RETRY_SECONDS)
    if answer.response_code:
        return _by_response_code(answer, checkout_id)
    if standing is Standing.OURS or answer.is_refused_at_the_door:
        return Rejected(answer.name, answer.message, alert=True)
    if answer.is_ok and standing is Standing.TAKEN:
        return Accepted(checkout_id)
    return Unknown(f"{answer.name}: {answer.message}")


def _by_response_code(answer: Answer, checkout_id: str) -> PromptOutcome:
    row = meaning_of(answer.response_code)
    if row.fate is None or row.fate is Fate.PAID:
        return Accepted(checkout_id)
    if row.fate is Fate.UNKNOWN or row.may_still_pay:
        return Unknown(f"{row.code}: {answer.message}")
    return Rejected(row.code, answer.message, retry_seconds=row.retry_seconds, alert=row.alert)


class _Transaction(WireModel):
    id: Identifier
    status: Identifier
    message: Line = ""
    airtel_money_id: Line = ""


class _Data(WireModel):
    transaction: _Transaction


class _Enquiry(WireModel):
    data: _Data


def _how_it_stands(answer: Answer, checkout_id: str) -> AskOutcome:
    row = meaning_of(answer.response_code)
    try:
        found = read_fields(_Enquiry, answer.body).data.transaction
        receipt = read_receipt(found.airtel_money_id) if found.airtel_money_id else None
    except UnreadableMessage as error:
        return Unknown(f"the answer about a payment cannot be read: {error}")
    if found.id != checkout_id:
        return Unknown("the answer is about another payment")
    if found.status == "TIP":
        return StillOpen()
    ends = {"TS": meaning_of(PAID_CODE), "TE": meaning_of(EXPIRED_CODE), "TF": _why_failed(row)}
    end = ends.get(found.status)
    if end is None:
        return Unknown(f"{found.status}: {answer.message}")
    return result_of(checkout_id, end, found.message, receipt=receipt if found.status == "TS" else None)


def _why_failed(row: ResponseCode) -> ResponseCode:
    # The status is the answer; the code beside it may be that of the enquiry itself.
    if row.fate in {Fate.FAILED, Fate.CANCELLED, Fate.EXPIRED}:
        return row
    return FAILED


FAILED = ResponseCode("TF", "failed", Fate.FAILED, "prompt_failed")
