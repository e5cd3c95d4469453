"""Token, request to pay and its status, as the MoMo Open API has them; strict where MTN is strict."""

import hmac
import json
import re
import secrets
import sqlite3
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import countries, msisdn
from sandbox.collecting import prompts
from sandbox.daraja import tokens
from sandbox.faults import Fault
from sandbox.mtn.errors import MtnError, busy, by_code, invalid
from sandbox.mtn.outcomes import ENDINGS, PENDING, Ending
from sandbox.settings import is_loopback
from sandbox.world import World, here

NAME = "mtn"
TOKEN_SECONDS = 3600
NOTE_LENGTH_MAX = 160
UUID_VERSION = 4
HOMES = ("UG", "RW")
"""Where MoMo is; nobody in Kenya has it."""

blueprint = Blueprint("mtn", __name__, url_prefix="/mtn")


@blueprint.errorhandler(MtnError)
def refused(error: MtnError) -> Response:
    return error.response()


@blueprint.post("/collection/token/")
def token() -> ResponseReturnValue:
    world = here()
    _check_subscription(world)
    given = request.authorization
    expected = (world.settings.mtn_api_user, world.settings.mtn_api_key)
    if given is None or given.type != "basic" or not _same((given.username, given.password), expected):
        raise MtnError(401, "login_failed", "invalid_client")
    value = secrets.token_urlsafe(48)
    tokens.keep(world, NAME, value, TOKEN_SECONDS)
    return jsonify(access_token=value, token_type="access_token", expires_in=TOKEN_SECONDS)  # noqa: S106 - the kind of token, not a password.


@blueprint.post("/collection/v1_0/requesttopay")
def request_to_pay() -> ResponseReturnValue:
    world = here()
    _entered(world)
    reference = _reference(request.headers.get("X-Reference-Id", ""))
    asked = _parse(world, reference)
    fault = world.faults.draw(NAME, asked.msisdn)
    _before(fault)
    with world.store.transaction():
        if prompts.find(world, NAME, reference) is not None:
            raise by_code("RESOURCE_ALREADY_EXIST")
        prompts.open_prompt(world, NAME, asked, fault)
    _after(fault)
    return Response(status=202)


@blueprint.get("/collection/v1_0/requesttopay/<reference>")
def status(reference: str) -> ResponseReturnValue:
    world = here()
    _entered(world)
    row = prompts.find(world, NAME, _reference(reference))
    _before(world.faults.draw(NAME, row["msisdn"] if row else None))
    if row is None:
        raise by_code("RESOURCE_NOT_FOUND")
    return jsonify(_described(row))


def callback_of(world: World, row: sqlite3.Row) -> tuple[str, Mapping[str, Any]]:
    """The same shape as the status, by PUT or, switched, by POST."""
    return ("POST" if world.switches.mtn_callback_post else "PUT"), _described(row)


def new_receipt(_world: World) -> str:
    """As MoMo writes them: a long number."""
    return str(10_000_000_000 + secrets.randbelow(80_000_000_000))


PROVIDER = prompts.Provider(NAME, "MTN MoMo", "MoMo", new_receipt, callback_of)


def _described(row: sqlite3.Row) -> dict[str, Any]:
    ending = _ending(row)
    said: dict[str, Any] = {
        "externalId": row["external_id"],
        **json.loads(row["note"]),
        "amount": str(row["amount_cents"] // 100),
        "currency": row["currency"],
        "payer": {"partyIdType": "MSISDN", "partyId": row["msisdn"]},
        "status": ending.status,
    }
    if row["receipt"]:
        said["financialTransactionId"] = row["receipt"]
    if ending.reason:
        said["reason"] = ending.reason
    return said


def _ending(row: sqlite3.Row) -> Ending:
    return PENDING if row["outcome"] is None else ENDINGS[row["outcome"]]


def _same(given: tuple[str | None, str | None], expected: tuple[str, str]) -> bool:
    fits = [
        hmac.compare_digest((one or "").encode(), other.encode())
        for one, other in zip(given, expected, strict=True)
    ]
    return all(fits)


def _check_subscription(world: World) -> None:
    key = request.headers.get("Ocp-Apim-Subscription-Key", "")
    if not hmac.compare_digest(key.encode(), world.settings.mtn_subscription_key.encode()):
        raise MtnError(401, "Access denied due to invalid subscription key.")


def _entered(world: World) -> None:
    _check_subscription(world)
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not tokens.is_good(world, NAME, value.strip()):
        raise MtnError(401, "Unauthorized")
    if request.headers.get("X-Target-Environment") != world.settings.mtn_target:
        raise by_code("NOT_ALLOWED_TARGET_ENVIRONMENT")


def _reference(text: str) -> str:
    try:
        found = uuid.UUID(text)
    except ValueError:
        raise invalid("X-Reference-Id") from None
    if found.version != UUID_VERSION or str(found) != text.lower():
        raise invalid("X-Reference-Id")
    return str(found)


def _parse(world: World, reference: str) -> prompts.Asked:
    body = request.get_json(silent=True) if request.mimetype == "application/json" else None
    if not isinstance(body, dict):
        raise invalid("body")
    payer = body.get("payer")
    if not isinstance(payer, dict) or payer.get("partyIdType") != "MSISDN":
        raise invalid("payer")
    phone = _text(payer, "partyId", r"\d{12}")
    country = countries.of(phone)
    if msisdn.parse(phone) != phone or country.code not in HOMES:
        raise by_code("PAYER_NOT_FOUND")
    if body.get("currency") != country.currency:
        raise by_code("INVALID_CURRENCY")
    notes = {
        field: _text(body, field, rf"[^\x00-\x1f]{{0,{NOTE_LENGTH_MAX}}}")
        for field in ("payerMessage", "payeeNote")
    }
    return prompts.Asked(
        id=reference,
        external_id=_text(body, "externalId", r"[!-~]{1,64}"),
        msisdn=phone,
        amount_cents=int(_text(body, "amount", r"[1-9]\d{0,7}")) * 100,
        currency=country.currency,
        reference=notes["payeeNote"],
        note=json.dumps(notes),
        callback_url=_callback_url(world),
    )


def _callback_url(world: World) -> str:
    """The host must be the one registered with the API user: the gateway's. None at all is allowed."""
    url = request.headers.get("X-Callback-Url", "")
    if url and urlsplit(url).netloc != urlsplit(world.settings.target).netloc:
        raise by_code("INVALID_CALLBACK_URL_HOST")
    if url and not (url.startswith("https://") or is_loopback(url)):
        raise by_code("INVALID_CALLBACK_URL_HOST")
    return url


def _text(body: Mapping[str, Any], field: str, pattern: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise invalid(field)
    return value


def _before(fault: Fault) -> None:
    if fault.outage:
        raise busy(503)
    if fault.http_status:
        raise busy(fault.http_status)
    if fault.error_code:
        raise by_code(fault.error_code)


def _after(fault: Fault) -> None:
    if fault.accept_then_timeout:
        time.sleep(fault.accept_then_timeout)
        raise busy(504)
