"""Tell Daraja, once per shortcode, where hand payments go (C2B) and that we pull (Pull Transactions)."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from core.errors import KibabaError
from core.phone import PhoneNumber
from payments.wallets.mpesa.client import Answer, DarajaClient, NoAnswer, NotSent
from payments.wallets.mpesa.error_codes import Refusal
from payments.wallets.mpesa.spaced_keys import without_spaces

PULL_REGISTER_PATH = "/pulltransactions/v1/register"
# C2B answers 0 or zeros in other lengths; pull has codes of its own.
_C2B_DONE = re.compile(r"0+")
_PULL_DONE, _PULL_ALREADY = "1000", "1001"
_ALREADY = re.compile(r"already\s+registered", re.IGNORECASE)


class Registration(StrEnum):
    """How a registration went."""

    NEW = "new"
    ALREADY = "already"


class RegistrationFailed(KibabaError):  # noqa: N818 -- it says what happened
    """Daraja did not take a registration; it may be tried again."""

    code = "registration_failed"
    permanent = False


def register_hand_payments(
    client: DarajaClient,
    *,
    validation_url: str,
    confirmation_url: str,
    without_answer: Literal["Completed", "Cancelled"] = "Completed",
) -> Registration:
    """Register both addresses under the configured version. `without_answer`: what M-Pesa does with a payment
    when our validation does not answer. Raises InvalidValue, RegistrationFailed.

    In production it works once; to change it, delete the old addresses in the portal first.
    """
    config = client.config
    for url in (validation_url, confirmation_url):
        config.check_callback(url)
    body = {
        "ShortCode": config.shortcode,
        "ResponseType": without_answer,
        "ConfirmationURL": confirmation_url,
        "ValidationURL": validation_url,
    }
    answer = _post(client, f"/mpesa/c2b/{config.c2b_version}/registerurl", body)
    if not answer.is_ok:
        if answer.refused.refusal is Refusal.ALREADY:
            return Registration.ALREADY
        raise RegistrationFailed(f"{answer.refused.code}: {answer.message}")
    code = (answer.body or {}).get("ResponseCode")
    if not isinstance(code, str) or not _C2B_DONE.fullmatch(code):
        raise RegistrationFailed(f"C2B registration was answered with {str(code)[:40]}")
    return Registration.NEW


def register_pull(client: DarajaClient, *, nominated: PhoneNumber, callback_url: str) -> Registration:
    """Allow Pull Transactions for the shortcode. `nominated`: the number the portal shows under Organisation
    details. Raises InvalidValue, RegistrationFailed.
    """
    client.config.check_callback(callback_url)
    body = {
        "ShortCode": client.config.shortcode,
        "RequestType": "Pull",
        "NominatedNumber": nominated.wire,
        "CallBackURL": callback_url,
    }
    answer = _post(client, PULL_REGISTER_PATH, body)
    fields = without_spaces(answer.body or {})
    status = str(fields.get("responsestatus") or fields.get("responsecode"))
    said = str(fields.get("responsedescription") or fields.get("responsemessage") or "")
    if answer.is_ok and status == _PULL_DONE:
        return Registration.NEW
    if answer.is_ok and status == _PULL_ALREADY and _ALREADY.search(said):
        return Registration.ALREADY
    reason = f"pull registration was answered with {status[:40]}" if answer.is_ok else answer.message
    raise RegistrationFailed(reason)


def _post(client: DarajaClient, path: str, body: Mapping[str, Any]) -> Answer:
    try:
        return client.post(path, body)
    except (NotSent, NoAnswer) as error:
        raise RegistrationFailed(str(error)) from error
