"""What one can do with a phone, as JSON: for the page, for a phone in a terminal, and for tests."""

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import countries, money, msisdn
from sandbox.africastalking import incoming, ussd
from sandbox.collecting import prompts as collecting
from sandbox.collecting import purses
from sandbox.daraja import prompts, wallet
from sandbox.phones.view import state_of
from sandbox.world import here

blueprint = Blueprint("phones", __name__, url_prefix="/phones")

TEXT_LENGTH_MAX = 182
PHONES_MAX = 24


class BadRequestError(ValueError):
    """The request cannot be done with a phone."""


@blueprint.errorhandler(BadRequestError)
def bad_request(error: BadRequestError) -> ResponseReturnValue:
    return jsonify(error=str(error)), 400


@blueprint.errorhandler(ussd.BusyError)
@blueprint.errorhandler(prompts.NoPromptError)
@blueprint.errorhandler(collecting.NoPromptError)
def conflict(error: Exception) -> ResponseReturnValue:
    return jsonify(error=str(error) or "there is no prompt on this phone"), 409


def _phone(number: str) -> str:
    found = msisdn.parse(number)
    if found is None:
        raise BadRequestError("that is no mobile number of Kenya, Uganda or Rwanda")
    return found


def _field(name: str, most: int = TEXT_LENGTH_MAX) -> str:
    body = request.get_json(silent=True)
    value = body.get(name) if isinstance(body, dict) else None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > most:
        raise BadRequestError(f"{name} must be a text of at most {most} characters")
    return value


@blueprint.get("")
def several() -> ResponseReturnValue:
    """The state of up to 24 phones, `?numbers=2547…,2541…`, so that a page needs one request for all."""
    numbers = [_phone(part) for part in request.args.get("numbers", "").split(",") if part.strip()]
    return jsonify([state_of(here(), number) for number in numbers[:PHONES_MAX]])


@blueprint.get("/<number>")
def one(number: str) -> ResponseReturnValue:
    return jsonify(state_of(here(), _phone(number)))


@blueprint.post("/<number>/dial")
def dial(number: str) -> ResponseReturnValue:
    phone = _phone(number)
    ussd.dial(here(), phone, _field("code"))
    return jsonify(state_of(here(), phone))


@blueprint.post("/<number>/answer")
def answer(number: str) -> ResponseReturnValue:
    phone = _phone(number)
    ussd.answer(here(), phone, _field("text"))
    return jsonify(state_of(here(), phone))


@blueprint.post("/<number>/cancel")
def cancel(number: str) -> ResponseReturnValue:
    phone = _phone(number)
    ussd.hang_up(here(), phone)
    return jsonify(state_of(here(), phone))


@blueprint.post("/<number>/prompt")
def prompt(number: str) -> ResponseReturnValue:
    """`{"pin": "…"}` pays, `{"cancel": true}` refuses. The PIN is compared and forgotten."""
    phone = _phone(number)
    body: Any = request.get_json(silent=True)
    cancel = isinstance(body, dict) and body.get("cancel") is True
    pin = ""
    if not cancel:
        pin = _field("pin", 4)
        if len(pin) != 4 or not pin.isascii() or not pin.isdigit():  # noqa: PLR2004 - a wallet PIN.
            raise BadRequestError("pin must be four digits")
    if prompts.open_on(here(), phone) is None:
        outcome = collecting.answer(here(), phone, pin=pin, cancel=cancel)
        told: dict[str, int | str] = {"code": outcome, "text": outcome}
    else:
        result = prompts.answer(here(), phone, pin=pin, cancel=cancel)
        told = {"code": result.code, "text": result.text}
    return jsonify(state_of(here(), phone) | {"result": told})


@blueprint.put("/<number>/network")
def move(number: str) -> ResponseReturnValue:
    """`{"code": "63903"}`: the number is taken along to another network."""
    phone = _phone(number)
    try:
        countries.move_sim(here(), phone, _field("code", 6))
    except ValueError:
        raise BadRequestError("code must be a network code such as 63903") from None
    return jsonify(state_of(here(), phone))


@blueprint.post("/<number>/sms")
def send(number: str) -> ResponseReturnValue:
    phone = _phone(number)
    message_id = incoming.send_in(here(), phone, _field("to", 20), _field("text", 1000))
    return jsonify(state_of(here(), phone) | {"sent": message_id})


@blueprint.put("/<number>/wallet")
def fill(number: str) -> ResponseReturnValue:
    """`{"balance": 250}` in shillings or francs: makes someone rich or poor."""
    phone = _phone(number)
    cents = money.cents(_field("balance", 12))
    if cents is None:
        raise BadRequestError("balance must be an amount")
    provider = countries.wallet_of(here(), phone)
    if provider == "mpesa":
        wallet.set_balance(here(), phone, cents)
    else:
        purses.set_balance(here(), provider, phone, cents)
    return jsonify(state_of(here(), phone))
