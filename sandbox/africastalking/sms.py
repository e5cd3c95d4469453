"""SMS out of the gateway: accepted per recipient, shown in the phone's inbox, then reported as delivered."""

import hmac
import json
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import countries, msisdn
from sandbox.africastalking.alphabet import parts_of
from sandbox.faults import Fault
from sandbox.world import World, here

blueprint = Blueprint("africastalking_sms", __name__, url_prefix="/africastalking")

SENT, INVALID_NUMBER = 101, 403
COST_CENTS_PER_PART = 80
RECIPIENTS_MAX = 1000
STATUSES = {
    100: "Processed",
    101: "Success",
    102: "Queued",
    401: "RiskHold",
    402: "InvalidSenderId",
    403: "InvalidPhoneNumber",
    404: "UnsupportedNumberType",
    405: "InsufficientBalance",
    406: "UserInBlacklist",
    407: "CouldNotRoute",
    409: "DoNotDisturbRejection",
    500: "InternalServerError",
    501: "GatewayError",
    502: "RejectedByGateway",
}
ACCEPTED = (100, 101, 102)
REPORTS = {
    "success": ("Success", ""),
    "failed": ("Failed", "DeliveryFailure"),
    "rejected": ("Rejected", "UserInBlackList"),
    "buffered": ("Buffered", ""),
    "submitted": ("Submitted", ""),
    "sent": ("Sent", ""),
}


def install(world: World) -> None:
    def report(due: dict[str, Any]) -> None:
        _report(world, due["message_id"], Fault.from_spec(due["fault"], draw=due["fault"]["draw"]))

    world.agenda.handle("sms_report", report)


@dataclass(frozen=True, slots=True)
class Message:
    sender: str
    text: str

    @property
    def cost_cents(self) -> int:
        return parts_of(self.text) * COST_CENTS_PER_PART


@blueprint.post("/version1/messaging")
def send() -> ResponseReturnValue:
    world = here()
    refusal = _refusal(world)
    if refusal:
        return refusal
    recipients = [number.strip() for number in request.form["to"].split(",") if number.strip()]
    message = Message(request.form.get("from") or "AFRICASTKNG", request.form["message"])
    first = recipients[0] if len(recipients) == 1 else None
    whole = world.faults.draw("sms", first, many_phones=first is None)
    if whole.outage or whole.http_status:
        return _text("The service is temporarily unavailable", whole.http_status or 503)
    entries = [_accept(world, number, message, whole) for number in recipients]
    if whole.accept_then_timeout:
        time.sleep(whole.accept_then_timeout)
        return _text("", 504)
    return _reply(entries)


def _refusal(world: World) -> Response | None:
    key = request.headers.get("apiKey", "")
    username = request.form.get("username", "")
    if not hmac.compare_digest(key.encode(), world.settings.at_api_key.encode()):
        return _text("The supplied authentication is invalid", 401)
    if username != world.settings.at_username:
        return _text("The supplied authentication is invalid", 401)
    for field in ("to", "message"):
        if not request.form.get(field, "").strip():
            return _text(f"Request is missing required form field '{field}'", 400)
    if request.form["to"].count(",") >= RECIPIENTS_MAX:
        return _text("Too many recipients", 400)
    return None


def _text(body: str, status: int) -> Response:
    return Response(body, status=status, mimetype="text/plain")


def _accept(world: World, number: str, message: Message, whole: Fault) -> dict[str, Any]:
    phone = msisdn.parse(number) if re.fullmatch(r"\+\d{9,15}", number) else None
    touched = not whole.phone or whole.phone == phone
    fault = whole if touched else Fault()
    status = INVALID_NUMBER if phone is None else int(fault.error_code or SENT)
    entry: dict[str, Any] = {
        "statusCode": status,
        "number": number,
        "status": STATUSES.get(status, "Unknown"),
        "cost": "0",
        "messageId": "None",
    }
    if phone is None or status not in ACCEPTED:
        return entry
    message_id = f"ATXid_{secrets.token_hex(16)}"
    _keep(world, phone, message_id, message, fault)
    return entry | {"cost": f"KES {message.cost_cents / 100:.4f}", "messageId": message_id}


def _keep(world: World, phone: str, message_id: str, message: Message, fault: Fault) -> None:
    now = world.clock.now()
    arrives = now + fault.delay_s
    lost = fault.drop or fault.outcome in {"failed", "rejected"}
    with world.store.transaction():
        world.store.insert(
            "sms",
            message_id=message_id,
            direction="lost" if lost else "out",
            phone=phone,
            other=message.sender,
            text=message.text,
            at=now,
            visible_at=arrives,
            status="Sent",
        )
        if not fault.drop:
            due = {"message_id": message_id, "fault": json.loads(fault.as_json())}
            world.agenda.add("sms_report", due, fault.delay_s + world.switches.sms_report_seconds)


def _reply(entries: list[dict[str, Any]]) -> Response:
    good = [entry for entry in entries if entry["statusCode"] in ACCEPTED]
    total = sum(float(entry["cost"].removeprefix("KES ")) for entry in good)
    summary = f"Sent to {len(good)}/{len(entries)} Total Cost: KES {total:.4f}"
    response = jsonify(SMSMessageData={"Message": summary, "Recipients": entries})
    response.status_code = 201
    return response


def _report(world: World, message_id: str, fault: Fault) -> None:
    row = world.store.row("SELECT * FROM sms WHERE message_id = ?", message_id)
    if row is None:
        return
    status, reason = REPORTS[fault.outcome or "success"]
    world.store.execute("UPDATE sms SET status = ? WHERE id = ?", status, row["id"])
    body = {
        "id": message_id,
        "status": status,
        "phoneNumber": f"+{row['phone']}",
        "networkCode": countries.network_code(world, row["phone"]),
        "retryCount": "0",
    }
    if reason:
        body["failureReason"] = reason
    world.post.send(
        "sms",
        message_id,
        world.settings.gateway_url("sms/delivery"),
        body,
        form=True,
        in_seconds=0.0,
        # The delay has already been served before the report fell due.
        fault=Fault(duplicate=fault.duplicate, reorder=fault.reorder, seed=fault.seed, draw=fault.draw),
    )
