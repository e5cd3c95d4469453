"""STK push and its query: asks a phone to pay, and says how it went."""

import sqlite3

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.daraja import disturbances, fields, prompts, tokens
from sandbox.daraja.errors import DarajaError, invalid
from sandbox.daraja.outcomes import BY_CODE, LOCKED
from sandbox.daraja.prompts import BUY_GOODS, PAYBILL, Push
from sandbox.world import World, here

blueprint = Blueprint("daraja_stk", __name__)

ACCOUNT_LENGTH_MAX = 12
DESCRIPTION_LENGTH_MAX = 13


@blueprint.post("/mpesa/stkpush/v1/processrequest")
def push() -> ResponseReturnValue:
    tokens.require()
    world = here()
    body = fields.json_body()
    fault = world.faults.draw("stk", str(body.get("PhoneNumber", "")))
    disturbances.before(fault)
    wanted = _parse(world, body)
    with world.store.transaction():
        if prompts.open_on(world, wanted.msisdn) is not None:
            raise DarajaError("500.001.1001", LOCKED.text)
        prompt = prompts.open_prompt(world, wanted, fault)
    disturbances.after(fault)
    return jsonify(
        MerchantRequestID=prompt["merchant_id"],
        CheckoutRequestID=prompt["checkout_id"],
        ResponseCode="0",
        ResponseDescription="Success. Request accepted for processing",
        CustomerMessage="Success. Request accepted for processing",
    )


def _parse(world: World, body: fields.Body) -> Push:
    fields.digits(body, "BusinessShortCode")
    fields.text(body, "Password", most=512)
    fields.timestamp(world, body)
    kind = fields.one_of(body, "TransactionType", (PAYBILL, BUY_GOODS))
    amount_cents = fields.amount_cents(body)
    fields.phone(body, "PartyA")
    party_b = fields.digits(body, "PartyB")
    phone = fields.phone(body, "PhoneNumber")
    url = fields.callback_url(body, "CallBackURL", words=True)
    account = fields.text(body, "AccountReference", most=ACCOUNT_LENGTH_MAX)
    if "TransactionDesc" in body:
        fields.text(body, "TransactionDesc", most=DESCRIPTION_LENGTH_MAX, least=0)
    shortcode = fields.merchant(world, body)
    return Push(shortcode, kind, amount_cents, phone, party_b, account, url)


@blueprint.post("/mpesa/stkpushquery/v1/query")
def query() -> ResponseReturnValue:
    tokens.require()
    world = here()
    body = fields.json_body()
    checkout_id = fields.text(body, "CheckoutRequestID", most=64)
    fields.merchant(world, body)
    if not checkout_id.startswith("ws_CO_"):
        raise invalid("CheckoutRequestID")
    prompt = world.store.row("SELECT * FROM prompts WHERE checkout_id = ?", checkout_id)
    disturbances.before(world.faults.draw("stk", prompt["msisdn"] if prompt else None))
    return _answer(prompt)


def _answer(prompt: sqlite3.Row | None) -> ResponseReturnValue:
    if prompt is None:
        raise DarajaError("500.001.1001", "The transaction does not exist")
    if prompt["result_code"] is None:
        raise DarajaError("500.001.1001", "The transaction is being processed")
    result = BY_CODE[prompt["result_code"]]
    return jsonify(
        ResponseCode="0",
        ResponseDescription="The service request has been accepted successsfully",
        MerchantRequestID=prompt["merchant_id"],
        CheckoutRequestID=prompt["checkout_id"],
        ResultCode=str(result.code),
        ResultDesc=result.text,
    )
