"""Looking in from outside: messages, requests, faults, switches, the clock, and a fresh start."""

import json
from dataclasses import asdict
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import money, msisdn, switches
from sandbox.clock import iso_utc
from sandbox.daraja import by_hand, enquiries, wallet
from sandbox.daraja.fields import AMOUNT_MAX_SHILLINGS
from sandbox.daraja.outcomes import PAID
from sandbox.faults import FaultError
from sandbox.world import here

blueprint = Blueprint("inspection", __name__)

PARTS = ("daraja", "airtel", "mtn", "sms", "civil", "fund")
FORGOTTEN = (
    *("requests", "agenda", "callbacks", "faults", "wallets", "prompts", "payments", "payouts"),
    *("sms", "dialogues", "contributions", "enrolments", "collections", "purses", "collected", "sims"),
    *("civil_subscriptions", "civil_deaths"),
)
ADVANCE_SECONDS_MAX = 366 * 86_400


@blueprint.get("/healthz")
def health() -> ResponseReturnValue:
    here().store.number("SELECT 1")
    return jsonify(status="ok")


@blueprint.get("/sms")
def messages() -> ResponseReturnValue:
    """SMS the gateway sent, oldest first, `to` one number; `all=1` adds the wallet's own and lost ones."""
    world = here()
    phone = None
    if "to" in request.args:
        phone = msisdn.parse(request.args["to"])
        if phone is None:
            return jsonify(error="to must be a mobile number"), 400
    kinds = ("out", "wallet", "lost", "in") if request.args.get("all") else ("out",)
    rows = world.store.rows(
        "SELECT * FROM sms WHERE visible_at <= ? ORDER BY visible_at, id", world.clock.now()
    )
    return jsonify(
        [
            {
                "id": row["message_id"],
                "to": f"+{row['phone']}",
                "from": row["other"],
                "text": row["text"],
                "at": iso_utc(row["at"]),
                "status": row["status"],
                "kind": row["direction"],
            }
            for row in rows
            if row["direction"] in kinds and phone in {None, row["phone"]}
        ]
    )


@blueprint.get("/requests")
def requests_received() -> ResponseReturnValue:
    """Every request an imitated provider received, oldest first, without secrets."""
    part = request.args.get("to")
    if part is not None and part not in PARTS:
        return jsonify(error=f"to is one of {', '.join(PARTS)}"), 400
    rows = here().store.rows("SELECT * FROM requests WHERE part = coalesce(?, part) ORDER BY id", part)
    return jsonify(
        [
            {
                "at": iso_utc(row["at"]),
                "to": row["part"],
                "method": row["method"],
                "path": row["path"],
                "query": row["query"],
                "body": json.loads(row["body"]),
                "status": row["status"],
                "note": row["note"],
            }
            for row in rows
        ]
    )


@blueprint.get("/callbacks")
def callbacks_sent() -> ResponseReturnValue:
    """Every callback posted or dropped, oldest first, with the gateway's answer."""
    token = here().settings.hook_token
    return jsonify(
        [
            {
                "at": iso_utc(row["at"]),
                "part": row["part"],
                "subject": row["subject"],
                "url": row["url"].replace(f"/{token}/", "/***/"),
                "body": json.loads(row["body"]),
                "status": row["status"],
                "error": row["error"],
            }
            for row in here().store.rows("SELECT * FROM callbacks ORDER BY id")
        ]
    )


@blueprint.get("/faults")
def faults() -> ResponseReturnValue:
    return jsonify(here().faults.all())


@blueprint.get("/faults/<part>/struck")
def struck(part: str) -> ResponseReturnValue:
    """How many requests met the fault that is set now, and how many of them it hit."""
    return jsonify(here().faults.struck(part))


@blueprint.put("/faults/<part>")
def put_fault(part: str) -> ResponseReturnValue:
    try:
        return jsonify({part: here().faults.put(part, request.get_json(silent=True))})
    except FaultError as error:
        return jsonify(error=str(error)), 400


@blueprint.delete("/faults")
@blueprint.delete("/faults/<part>")
def clear_faults(part: str | None = None) -> ResponseReturnValue:
    here().faults.clear(part)
    return jsonify(here().faults.all())


@blueprint.get("/switches")
def read_switches() -> ResponseReturnValue:
    return jsonify(asdict(here().switches))


@blueprint.put("/switches")
def put_switches() -> ResponseReturnValue:
    try:
        return jsonify(asdict(switches.change(here().store, request.get_json(silent=True))))
    except switches.SwitchError as error:
        return jsonify(error=str(error)), 400


@blueprint.get("/clock")
def clock() -> ResponseReturnValue:
    world = here()
    return jsonify(now=iso_utc(world.clock.now()), offset_s=world.clock.offset_seconds)


@blueprint.post("/clock")
def advance() -> ResponseReturnValue:
    """Moves the sandbox's time forward by `advance_s`; what falls due happens."""
    body = request.get_json(silent=True)
    seconds = body.get("advance_s") if isinstance(body, dict) else None
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, (int, float))
        or not 0 <= seconds <= ADVANCE_SECONDS_MAX
    ):
        return jsonify(error="advance_s must be a number of seconds, forward only"), 400
    here().clock.advance(seconds)
    here().agenda.wake()
    return clock()


@blueprint.post("/reset")
def reset() -> ResponseReturnValue:
    """Forgets what happened. Tokens and registered addresses stay unless the body is `{"all": true}`."""
    world = here()
    body = request.get_json(silent=True)
    tables = list(FORGOTTEN)
    if isinstance(body, dict) and body.get("all") is True:
        tables += ["tokens", "registry_tokens", "c2b_urls", "pull_registrations"]
    with world.store.transaction():
        for table in tables:
            world.store.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the list above.
        switches.restore_defaults(world.store)
        world.clock.set_back_to_real()
    return jsonify(status="empty")


@blueprint.post("/c2b")
def pay_by_hand() -> ResponseReturnValue:
    """Someone pays the paybill from the M-Pesa menu: `{phone, amount, account}`."""
    body = request.get_json(silent=True)
    wanted, problem = _payment(body if isinstance(body, dict) else {})
    if problem:
        return jsonify(error=problem), 400
    phone, amount_cents, account = wanted
    try:
        payment = by_hand.pay(here(), msisdn=phone, amount_cents=amount_cents, account=account)
    except by_hand.RefusedError as refused:
        return jsonify(status="refused", code=refused.code, error=str(refused)), 409
    return jsonify(
        status="paid",
        receipt=payment.receipt,
        amount=money.plain(payment.amount_cents),
        account=payment.account,
    ), 201


@blueprint.post("/reversals")
def take_back() -> ResponseReturnValue:
    """M-Pesa takes the payment `{receipt}` back for its payer: only the statement tells the organisation."""
    body, world = request.get_json(silent=True), here()
    original = str(body.get("receipt", "")).upper() if isinstance(body, dict) else ""
    with world.store.transaction():
        row = enquiries.payment_with(world, original)
        receipt = wallet.new_receipt(world)
        result = enquiries.undo(world, row, row["amount_cents"] if row else 0, receipt)
    if result != PAID:
        return jsonify(code=result.code, error=result.text), 409
    return jsonify(status="reversed", receipt=receipt), 201


@blueprint.post("/settlement")
def settle() -> ResponseReturnValue:
    """The organisation takes `{amount}` shillings to its bank: a withdrawal on the statement."""
    body = request.get_json(silent=True)
    amount_cents = money.cents(str(body.get("amount", ""))) if isinstance(body, dict) else None
    if not amount_cents:
        return jsonify(error="amount must be a positive amount in shillings"), 400
    try:
        line = wallet.settle(here(), amount_cents)
    except wallet.Declined as declined:
        return jsonify(error=declined.result.text), 409
    return jsonify(status="settled", receipt=line.receipt), 201


def _payment(body: dict[str, Any]) -> tuple[tuple[str, int, str], str]:
    phone = msisdn.parse_kenyan(str(body.get("phone", "")))
    amount_cents = money.cents(str(body.get("amount", "")))
    account = body.get("account", "")
    problem = ""
    if phone is None:
        problem = "phone must be a Kenyan mobile number"
    elif amount_cents is None or amount_cents % 100 or not 0 < amount_cents <= AMOUNT_MAX_SHILLINGS * 100:
        problem = "amount must be whole shillings from 1 to 250000"
    elif not isinstance(account, (str, int)) or len(str(account)) > 20:  # noqa: PLR2004 - BillRefNumber's limit.
        problem = "account must be a text of at most 20 characters"
    return (phone or "", amount_cents or 0, str(account)), problem
