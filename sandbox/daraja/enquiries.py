"""Transaction status, account balance and reversal: asked now, answered to the ResultURL."""

import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox import money
from sandbox.daraja import disturbances, fields, initiators, results, tokens, wallet
from sandbox.daraja.errors import invalid
from sandbox.daraja.outcomes import PAID, WRONG_PIN, Result
from sandbox.world import World, here

blueprint = Blueprint("daraja_enquiries", __name__)

NO_SUCH_TRANSACTION = Result("SFC_IC0003", "The transaction does not exist.")
ALREADY_REVERSED = Result("R000001", "The transaction has already been reversed.")
NOTHING_TO_REVERSE = Result("R000002", "The OriginalTransactionID is invalid.")


@dataclass(frozen=True, slots=True)
class Asked:
    authorised: bool
    result_url: str
    originator_id: str
    conversation_id: str


def _asked(world: World, body: fields.Body, command: str) -> Asked:
    """The fields all three calls share."""
    authorised = initiators.is_authorised(world, body, "Initiator")
    fields.one_of(body, "CommandID", (command,))
    fields.text(body, "Remarks", least=0, most=100)
    fields.callback_url(body, "QueueTimeOutURL")
    return Asked(
        authorised,
        fields.callback_url(body, "ResultURL"),
        f"{secrets.randbelow(90_000) + 10_000}-{secrets.randbelow(90_000_000) + 10_000_000}-1",
        results.conversation(world),
    )


def _answer(
    world: World, asked: Asked, result: Result, parameters: dict[str, Any], receipt: str
) -> ResponseReturnValue:
    results.send(
        world,
        asked.result_url,
        result=result if asked.authorised else WRONG_PIN,
        originator_id=asked.originator_id,
        conversation_id=asked.conversation_id,
        receipt=receipt,
        parameters=parameters,
        fault=world.faults.draw("b2c", many_phones=True),
    )
    return jsonify(
        OriginatorConversationID=asked.originator_id,
        ConversationID=asked.conversation_id,
        ResponseCode="0",
        ResponseDescription="Accept the service request successfully.",
    )


@blueprint.post("/mpesa/transactionstatus/v1/query")
def status() -> ResponseReturnValue:
    tokens.require()
    world = here()
    body = fields.json_body()
    disturbances.before(world.faults.draw("b2c", many_phones=True))
    asked = _asked(world, body, "TransactionStatusQuery")
    fields.digits(body, "PartyA", r"\d{5,12}")
    receipt = str(body.get("TransactionID") or "")
    original = str(body.get("OriginalConversationID") or "")
    if not receipt and not original:
        raise invalid("TransactionID")
    if original:
        payout = world.store.row(
            "SELECT receipt FROM payouts WHERE originator_id = ? OR conversation_id = ?", original, original
        )
        receipt = str(payout["receipt"] or "") if payout else ""
    row = world.store.row("SELECT * FROM payments WHERE receipt = ? AND kind <> 'charge'", receipt.upper())
    found = _described(world, row) if row else {}
    return _answer(world, asked, PAID if row else NO_SUCH_TRANSACTION, found, receipt)


def _described(world: World, row: sqlite3.Row) -> dict[str, Any]:
    customer = f"{row['msisdn']} - {row['name']}"
    ours = f"{row['shortcode']} - {world.settings.organisation}"
    money_in = row["amount_cents"] > 0
    undone = world.store.row("SELECT 1 FROM payments WHERE kind = 'reversal' AND account = ?", row["receipt"])
    return {
        "DebitPartyName": customer if money_in else ours,
        "CreditPartyName": ours if money_in else customer,
        "InitiatedTime": results.compact_number(row["started_at"]),
        "FinalisedTime": results.compact_number(row["completed_at"]),
        "DebitAccountType": "MMF Account For Customer" if money_in else "Utility Account",
        "DebitPartyCharges": "",
        "TransactionReason": "",
        "ReasonType": "Pay Bill" if money_in else "Business Payment to Customer",
        "TransactionStatus": "Reversed" if undone else "Completed",
        "Amount": abs(row["amount_cents"]) / 100,
        "ReceiptNo": row["receipt"],
    }


@blueprint.post("/mpesa/accountbalance/v1/query")
def balance() -> ResponseReturnValue:
    tokens.require()
    world = here()
    body = fields.json_body()
    disturbances.before(world.faults.draw("b2c", many_phones=True))
    asked = _asked(world, body, "AccountBalance")
    if fields.digits(body, "PartyA") != world.settings.shortcode:
        raise invalid("PartyA")
    utility = money.plain(wallet.organisation_balance_cents(world))
    accounts = [("Working Account", "0.00"), ("Utility Account", utility), ("Charges Paid Account", "0.00")]
    text = "&".join(f"{name}|KES|{held}|{held}|0.00|0.00" for name, held in accounts)
    found = {"AccountBalance": text, "BOCompletedTime": results.compact_number(world.clock.now())}
    return _answer(world, asked, PAID, found, wallet.new_receipt(world))


@blueprint.post("/mpesa/reversal/v1/request")
def reverse() -> ResponseReturnValue:
    tokens.require()
    world = here()
    body = fields.json_body()
    disturbances.before(world.faults.draw("b2c", many_phones=True))
    asked = _asked(world, body, "TransactionReversal")
    original = fields.text(body, "TransactionID", most=20).upper()
    amount_cents = fields.amount_cents(body)
    if fields.digits(body, "ReceiverParty") != world.settings.shortcode:
        raise invalid("ReceiverParty")
    # "Reciever" is the provider's own spelling.
    fields.one_of(
        {"RecieverIdentifierType": str(body.get("RecieverIdentifierType"))}, "RecieverIdentifierType", ("11",)
    )
    with world.store.transaction():
        row = payment_with(world, original)
        receipt = wallet.new_receipt(world)
        result = undo(world, row, amount_cents, receipt) if asked.authorised else WRONG_PIN
        held = money.plain(wallet.organisation_balance_cents(world))
        found = {
            "Amount": amount_cents / 100,
            "OriginalTransactionID": original,
            "TransCompletedTime": results.compact_number(world.clock.now()),
            "Charge": "0.00",
            "DebitAccountBalance": f"Utility Account|KES|{held}",
            "CreditPartyPublicName": f"{row['msisdn']} - {row['name']}" if row else "",
            "DebitPartyPublicName": f"{world.settings.shortcode} - {world.settings.organisation}",
        }
        return _answer(world, asked, result, found, receipt)


def payment_with(world: World, receipt: str) -> sqlite3.Row | None:
    """The payment to us that has this receipt."""
    return world.store.row("SELECT * FROM payments WHERE receipt = ? AND kind = 'payment'", receipt)


def undo(world: World, row: sqlite3.Row | None, amount_cents: int, receipt: str) -> Result:
    """Give a payment back under a receipt of its own, once. Call it in a transaction."""
    if row is None or amount_cents > row["amount_cents"]:
        return NOTHING_TO_REVERSE
    if world.store.row("SELECT 1 FROM payments WHERE kind = 'reversal' AND account = ?", row["receipt"]):
        return ALREADY_REVERSED
    wallet.give(
        world,
        receipt=receipt,
        kind=wallet.REVERSAL,
        msisdn=row["msisdn"],
        amount_cents=amount_cents,
        account=row["receipt"],
    )
    return PAID
