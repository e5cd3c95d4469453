"""B2C: money from the organisation to a phone, once per OriginatorConversationID."""

import json
import sqlite3
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox import money
from sandbox.daraja import disturbances, fields, initiators, results, tokens, wallet
from sandbox.daraja.errors import by_code, invalid
from sandbox.daraja.outcomes import INSUFFICIENT, OUTCOMES, PAID, WRONG_PIN, Result
from sandbox.faults import Fault
from sandbox.world import World, here

blueprint = Blueprint("daraja_b2c", __name__)

COMMANDS = ("BusinessPayment", "SalaryPayment", "PromotionPayment")
REMARKS_LENGTH_MAX = 100
QUEUE_TIMEOUT = "queue_timeout"


def install(world: World) -> None:
    world.agenda.handle("payout", lambda due: _pay_out(world, due["originator_id"]))


@blueprint.post("/mpesa/b2c/v3/paymentrequest")
def request_payment() -> ResponseReturnValue:
    tokens.require()
    world = here()
    body = fields.json_body()
    fault = world.faults.draw("b2c", str(body.get("PartyB", "")))
    disturbances.before(fault)
    values = _parse(world, body, fault)
    with world.store.transaction():
        known = world.store.row("SELECT 1 FROM payouts WHERE originator_id = ?", values["originator_id"])
        if known:
            raise by_code("500.002.1001")
        world.store.insert("payouts", **values)
        world.agenda.add("payout", {"originator_id": values["originator_id"]}, results.RESULT_SECONDS)
    disturbances.after(fault)
    return jsonify(
        ConversationID=values["conversation_id"],
        OriginatorConversationID=values["originator_id"],
        ResponseCode="0",
        ResponseDescription="Accept the service request successfully.",
    )


def _parse(world: World, body: fields.Body, fault: Fault) -> dict[str, Any]:
    originator_id = fields.text(body, "OriginatorConversationID", most=64)
    authorised = initiators.is_authorised(world, body, "InitiatorName")
    fields.one_of(body, "CommandID", COMMANDS)
    amount_cents = fields.amount_cents(body)
    if fields.digits(body, "PartyA") != world.settings.shortcode:
        raise invalid("PartyA")
    phone = fields.phone(body, "PartyB")
    fields.text(body, "Remarks", least=2, most=REMARKS_LENGTH_MAX)
    if "Occassion" in body:
        fields.text(body, "Occassion", least=0, most=REMARKS_LENGTH_MAX)
    return {
        "originator_id": originator_id,
        "conversation_id": results.conversation(world),
        "msisdn": phone,
        "amount_cents": amount_cents,
        "result_url": fields.callback_url(body, "ResultURL"),
        "timeout_url": fields.callback_url(body, "QueueTimeOutURL"),
        "fault": fault.as_json(),
        "authorised": int(authorised),
        "at": world.clock.now(),
    }


def _pay_out(world: World, originator_id: str) -> None:
    with world.store.transaction():
        row = world.store.row("SELECT * FROM payouts WHERE originator_id = ?", originator_id)
        if row is None or row["result_code"] is not None:
            return
        kept = json.loads(row["fault"])
        fault = Fault.from_spec(kept, draw=kept["draw"])
        result = _result(world, row, fault)
        receipt = _move(world, row) if result == PAID else wallet.new_receipt(world)
        world.store.execute(
            "UPDATE payouts SET result_code = ?, receipt = ? WHERE originator_id = ?",
            str(result.code),
            receipt,
            originator_id,
        )
        _tell(world, row, result, receipt, fault)


def _result(world: World, row: sqlite3.Row, fault: Fault) -> Result:
    if not row["authorised"]:
        return WRONG_PIN
    if fault.outcome and fault.outcome != QUEUE_TIMEOUT:
        return OUTCOMES[fault.outcome]
    return PAID if wallet.organisation_balance_cents(world) >= row["amount_cents"] else INSUFFICIENT


def _move(world: World, row: sqlite3.Row) -> str:
    receipt = wallet.new_receipt(world)
    wallet.give(
        world,
        receipt=receipt,
        kind=wallet.PAYOUT,
        msisdn=row["msisdn"],
        amount_cents=row["amount_cents"],
        account="",
    )
    amount = money.grouped(row["amount_cents"])
    left = money.grouped(wallet.balance_cents(world, row["msisdn"]))
    wallet.tell(
        world,
        row["msisdn"],
        f"{receipt} Confirmed. You have received Ksh{amount} from {world.settings.organisation}. "
        f"New M-PESA balance is Ksh{left}.",
    )
    return receipt


def _tell(world: World, row: sqlite3.Row, result: Result, receipt: str, fault: Fault) -> None:
    wait_seconds = 0.2
    if fault.outcome == QUEUE_TIMEOUT:
        notice = {
            "Result": {
                "ResultType": 1,
                "ResultCode": 1,
                "ResultDesc": "The request has timed out in the queue.",
                "OriginatorConversationID": row["originator_id"],
                "ConversationID": row["conversation_id"],
            }
        }
        world.post.send("b2c", row["conversation_id"], row["timeout_url"], notice, fault=fault)
        if not fault.late_success:
            return
        wait_seconds = fault.late_success
    balance = money.plain(wallet.organisation_balance_cents(world))
    results.send(
        world,
        row["result_url"],
        result=result,
        originator_id=row["originator_id"],
        conversation_id=row["conversation_id"],
        receipt=receipt,
        parameters={
            "TransactionAmount": row["amount_cents"] / 100,
            "TransactionReceipt": receipt,
            "ReceiverPartyPublicName": f"{row['msisdn']} - {wallet.owner(world, row['msisdn'])}",
            "TransactionCompletedDateTime": results.dotted(world.clock.now()),
            "B2CUtilityAccountAvailableFunds": balance,
            "B2CWorkingAccountAvailableFunds": "0.00",
            "B2CChargesPaidAccountAvailableFunds": "0.00",
            "B2CRecipientIsRegisteredCustomer": "Y",
        },
        in_seconds=wait_seconds,
        fault=fault,
    )
