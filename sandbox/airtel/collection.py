"""Token, push and enquiry of `openapi.airtel.africa`; strict where Airtel is said to be strict."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import countries
from sandbox.airtel.errors import AirtelError, DoorError, busy, by_code, invalid
from sandbox.airtel.outcomes import ENDINGS, IN_PROCESS, Ending
from sandbox.clock import eat
from sandbox.collecting import prompts
from sandbox.countries import Country
from sandbox.daraja import tokens
from sandbox.faults import Fault
from sandbox.world import World, here

NAME = "airtel"
TOKEN_SECONDS = 180
AMOUNT_MAX = 5_000_000

blueprint = Blueprint("airtel", __name__, url_prefix="/airtel")


@blueprint.errorhandler(AirtelError)
@blueprint.errorhandler(DoorError)
def refused(error: AirtelError | DoorError) -> Response:
    return error.response()


@blueprint.post("/auth/oauth2/token")
def token() -> ResponseReturnValue:
    world = here()
    body = _json_body()
    given = (str(body.get("client_id", "")), str(body.get("client_secret", "")))
    expected = (world.settings.airtel_client_id, world.settings.airtel_client_secret)
    fits = [
        hmac.compare_digest(one.encode(), other.encode()) for one, other in zip(given, expected, strict=True)
    ]
    if not all(fits):
        raise DoorError(401, "invalid_client", "Invalid client authentication")
    if body.get("grant_type") != "client_credentials":
        raise DoorError(400, "unsupported_grant_type", "Invalid grant type")
    value = secrets.token_urlsafe(24)
    tokens.keep(world, NAME, value, TOKEN_SECONDS)
    return jsonify(access_token=value, expires_in=str(TOKEN_SECONDS), token_type="bearer")  # noqa: S106 - the kind of token, not a password.


@blueprint.post("/merchant/v1/payments/")
def push() -> ResponseReturnValue:
    world = here()
    country = _entered(world)
    body = _json_body()
    asked = _parse(world, country, body)
    fault = world.faults.draw(NAME, asked.msisdn)
    _before(fault)
    with world.store.transaction():
        if prompts.find(world, NAME, asked.id) is not None:
            raise AirtelError(400, "External Transaction ID already exists.", result_code="ESB000041")
        prompts.open_prompt(world, NAME, asked, fault)
    _after(fault)
    return _answer({"id": asked.id, "status": "Success."}, IN_PROCESS, message="Success.")


@blueprint.get("/standard/v1/payments/<payment_id>")
def enquire(payment_id: str) -> ResponseReturnValue:
    world = here()
    _entered(world)
    row = prompts.find(world, NAME, payment_id)
    _before(world.faults.draw(NAME, row["msisdn"] if row else None))
    if row is None:
        raise AirtelError(
            400,
            "No Transaction Found With Provided Transaction Id.",
            result_code="ESB000045",
            response_code="DP00800001025",
        )
    ending = _ending(row)
    found = {"id": row["id"], "status": ending.status, "message": ending.message}
    if row["receipt"]:
        found["airtel_money_id"] = row["receipt"]
    return _answer(found, ending, message="SUCCESS")


def callback_of(world: World, row: sqlite3.Row) -> tuple[str, Mapping[str, Any]]:
    """The documented callback, signed with the key from the portal unless that is switched off."""
    ending = _ending(row)
    transaction = {"id": row["id"], "message": ending.message, "status_code": _callback_status(ending)}
    if row["receipt"]:
        units = row["amount_cents"] // 100
        words = (
            f"Paid {row['currency']} {units:,} to {world.settings.organisation}, Trans ID {row['receipt']}."
        )
        transaction |= {"message": words, "airtel_money_id": row["receipt"]}
    body: dict[str, Any] = {"transaction": transaction}
    if world.switches.airtel_sign_callbacks:
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        key = world.settings.airtel_hash_key.encode()
        body["hash"] = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
    return "POST", body


def new_receipt(world: World) -> str:
    """As Airtel writes them: `MP261122.1405.L06941`."""
    now = eat(world.clock.now())
    return f"MP{now:%y%m%d.%H%M}.{secrets.choice('ABCDEFGHJKL')}{secrets.randbelow(100_000):05d}"


PROVIDER = prompts.Provider(NAME, "Airtel Money", "AirtelMoney", new_receipt, callback_of)


def _callback_status(ending: Ending) -> str:
    return "TS" if ending.status == "TS" else "TF"


def _ending(row: sqlite3.Row) -> Ending:
    return IN_PROCESS if row["outcome"] is None else ENDINGS[row["outcome"]]


def _answer(transaction: Mapping[str, Any], ending: Ending, *, message: str) -> ResponseReturnValue:
    status = {
        "code": "200",
        "message": message,
        "result_code": "ESB000010",
        "response_code": ending.response_code,
        "success": True,
    }
    return jsonify(data={"transaction": transaction}, status=status)


def _entered(world: World) -> Country:
    """Refuses a request without a live token, or for a country and currency that do not belong together."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not tokens.is_good(world, NAME, value.strip()):
        raise DoorError(401, "invalid_token", "Invalid or expired access token")
    country = countries.named(request.headers.get("X-Country", ""))
    if country is None:
        raise AirtelError(400, "Invalid Country Name", result_code="ESB000034")
    if request.headers.get("X-Currency") != country.currency:
        raise AirtelError(400, "Invalid Currency Code", result_code="ESB000035")
    return country


def _json_body() -> Mapping[str, Any]:
    found = request.get_json(silent=True) if request.mimetype == "application/json" else None
    if not isinstance(found, dict):
        raise invalid("body")
    return found


def _parse(world: World, country: Country, body: Mapping[str, Any]) -> prompts.Asked:
    reference = _text(body, "reference", r"[A-Za-z0-9 ._-]{1,64}")
    subscriber, transaction = _part(body, "subscriber"), _part(body, "transaction")
    for part in (subscriber, transaction):
        if (part.get("country"), part.get("currency")) != (country.code, country.currency):
            raise invalid("country or currency")
    national = _text(subscriber, "msisdn", r"[0-9]{1,15}")
    if not re.fullmatch(r"[17]\d{8}", national):
        raise AirtelError(400, "Invalid MSISDN Length. MSISDN Length should be 9", result_code="ESB000033")
    amount = transaction.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, int) or not 1 <= amount <= AMOUNT_MAX:
        raise invalid("transaction.amount")
    payment_id = _text(transaction, "id", r"[A-Za-z0-9-]{4,64}")
    return prompts.Asked(
        id=payment_id,
        external_id=payment_id,
        msisdn=country.calling_code + national,
        amount_cents=amount * 100,
        currency=country.currency,
        reference=reference,
        note="",
        callback_url=world.settings.hook_url(NAME),
    )


def _part(body: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    found = body.get(field)
    if not isinstance(found, dict):
        raise invalid(field)
    return found


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
