"""C2B at Daraja's own paths: where confirmations shall go, and the sandbox's simulate call."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.daraja import confirmations, disturbances, fields, tokens
from sandbox.daraja.errors import DarajaError, conversation_id, invalid
from sandbox.daraja.prompts import BUY_GOODS, PAYBILL
from sandbox.world import here

blueprint = Blueprint("daraja_c2b", __name__)

REFERENCE_LENGTH_MAX = 20
SIMULATE_SECONDS = 0.5


@blueprint.post("/mpesa/c2b/<any(v1, v2):version>/registerurl")
def register(version: str) -> ResponseReturnValue:
    tokens.require()
    world = here()
    body = fields.json_body()
    disturbances.before(world.faults.draw("c2b"))
    shortcode = fields.digits(body, "ShortCode")
    response_type = fields.one_of(body, "ResponseType", ("Completed", "Cancelled"))
    confirmation = fields.callback_url(body, "ConfirmationURL", words=True)
    validation = fields.callback_url(body, "ValidationURL", words=True) if body.get("ValidationURL") else ""
    if shortcode != world.settings.shortcode:
        raise invalid("ShortCode")
    with world.store.transaction():
        if world.switches.c2b_register_once and confirmations.registration(world, shortcode):
            raise DarajaError("500.003.1001", "Urls are already registered")
        world.store.execute("DELETE FROM c2b_urls WHERE shortcode = ?", shortcode)
        world.store.insert(
            "c2b_urls",
            shortcode=shortcode,
            version=version,
            response_type=response_type,
            confirmation_url=confirmation,
            validation_url=validation,
        )
    return _accepted("Success")


@blueprint.post("/mpesa/c2b/<any(v1, v2):version>/simulate")
def simulate(version: str) -> ResponseReturnValue:
    tokens.require()
    world = here()
    body = fields.json_body()
    msisdn = fields.phone(body, "Msisdn")
    fault = world.faults.draw("c2b", msisdn)
    disturbances.before(fault)
    shortcode = fields.digits(body, "ShortCode")
    fields.one_of(body, "CommandID", (PAYBILL, BUY_GOODS))
    amount_cents = fields.amount_cents(body)
    account = (
        fields.text(body, "BillRefNumber", most=REFERENCE_LENGTH_MAX) if body.get("BillRefNumber") else ""
    )
    urls = confirmations.registration(world, shortcode)
    if urls is None or urls["version"] != version:
        raise DarajaError("500.003.1001", "Internal Server Error")
    due = {"msisdn": msisdn, "amount_cents": amount_cents, "account": account}
    world.agenda.add("pay_by_hand", due, SIMULATE_SECONDS)
    disturbances.after(fault)
    return _accepted("Accept the service request successfully.")


def _accepted(description: str) -> ResponseReturnValue:
    # "Coversation" is the provider's own spelling.
    return jsonify(
        OriginatorCoversationID=conversation_id(), ResponseCode="0", ResponseDescription=description
    )
