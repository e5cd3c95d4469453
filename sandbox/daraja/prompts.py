"""A prompt's life: it opens on a phone, is answered or expires, and its end is told to the gateway."""

import json
import random
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from sandbox import money
from sandbox.clock import compact, eat
from sandbox.daraja import confirmations, wallet
from sandbox.daraja.errors import conversation_id
from sandbox.daraja.outcomes import (
    BY_CODE,
    CANCELLED,
    EXPIRED,
    LOCKED,
    NOT_PERMITTED,
    OUTCOMES,
    PAID,
    TIMEOUT,
    WRONG_PIN,
    Result,
)
from sandbox.faults import Fault
from sandbox.world import World

CALLBACK_SECONDS = 0.2
C2B_SECONDS = 0.4
REORDERED_SECONDS = 2.0
PAYBILL, BUY_GOODS = "CustomerPayBillOnline", "CustomerBuyGoodsOnline"


class NoPromptError(LookupError):
    """Nothing is being asked on that phone."""


@dataclass(frozen=True, slots=True)
class Push:
    """An STK push that has passed every check. The amount is in cents."""

    shortcode: str
    kind: str
    amount_cents: int
    msisdn: str
    party_b: str
    account: str
    callback_url: str


def install(world: World) -> None:
    """Takes up what the agenda holds about prompts, from before a restart included."""

    def end(due: dict[str, Any]) -> None:
        _end(world, due["checkout_id"], BY_CODE[due["code"]], late=due["late"])

    world.agenda.handle("prompt_end", end)


def open_on(world: World, msisdn: str) -> sqlite3.Row | None:
    """The prompt now shown on the phone, if any."""
    return world.store.row("SELECT * FROM prompts WHERE msisdn = ? AND result_code IS NULL", msisdn)


def open_prompt(world: World, push: Push, fault: Fault) -> sqlite3.Row:
    """Shows the prompt, and puts on the agenda how it ends when nobody touches it."""
    now = world.clock.now()
    checkout_id = f"ws_CO_{eat(now):%d%m%Y%H%M%S}{secrets.randbelow(1000):03d}{push.msisdn[3:]}"
    seconds = world.switches.prompt_seconds
    world.store.insert(
        "prompts",
        checkout_id=checkout_id,
        merchant_id=conversation_id(),
        msisdn=push.msisdn,
        amount_cents=push.amount_cents,
        shortcode=push.shortcode,
        account=push.account,
        kind=push.kind,
        callback_url=push.callback_url,
        fault=fault.as_json(),
        opened_at=now,
        expires_at=now + seconds,
    )
    result, wait_seconds = _unattended(world, push, fault, seconds)
    _schedule_end(world, checkout_id, result, wait_seconds)
    row = world.store.row("SELECT * FROM prompts WHERE checkout_id = ?", checkout_id)
    assert row is not None
    return row


def _unattended(world: World, push: Push, fault: Fault, seconds: float) -> tuple[Result, float]:
    """How the prompt ends without a human, and after how many seconds."""
    soon = float(world.switches.auto_seconds)
    if push.kind == PAYBILL and push.party_b != push.shortcode:
        return NOT_PERMITTED, soon
    if world.switches.ussd_blocks_prompt and _in_a_dialogue(world, push.msisdn):
        return LOCKED, soon
    by_itself = fault.auto if fault.auto is not None else bool(fault.outcome or fault.late_success)
    if by_itself:
        return OUTCOMES[fault.outcome or ("timeout" if fault.late_success else "paid")], soon
    return TIMEOUT, seconds


def _in_a_dialogue(world: World, msisdn: str) -> bool:
    return bool(
        world.store.row("SELECT 1 FROM dialogues WHERE msisdn = ? AND state IN ('open', 'waiting')", msisdn)
    )


def _schedule_end(
    world: World, checkout_id: str, result: Result, in_seconds: float, *, late: bool = False
) -> None:
    due = {"checkout_id": checkout_id, "code": str(result.code), "late": late}
    world.agenda.add("prompt_end", due, in_seconds)


def answer(world: World, msisdn: str, *, pin: str = "", cancel: bool = False) -> Result:
    """What the person does with the prompt on their phone. NoPromptError when there is none (any more)."""
    row = open_on(world, msisdn)
    if row is None:
        raise NoPromptError
    if cancel:
        result = CANCELLED
    elif pin == world.settings.wrong_pin:
        result = WRONG_PIN
    else:
        forced = _fault(row).outcome
        result = OUTCOMES[forced] if forced else PAID
    ended = _end(world, row["checkout_id"], result)
    if ended is None:
        raise NoPromptError
    return ended


def _end(world: World, checkout_id: str, result: Result, *, late: bool = False) -> Result | None:
    """Ends the prompt once and tells the gateway; None when it had already ended."""
    with world.store.transaction():
        row = world.store.row("SELECT * FROM prompts WHERE checkout_id = ?", checkout_id)
        if row is None or (row["result_code"] is not None and not late) or row["receipt"]:
            return None
        payment = None
        if result is PAID:
            try:
                payment = _take_money(world, row)
            except wallet.Declined as declined:
                result = declined.result
        if late and payment is None:
            return None
        world.store.execute(
            "UPDATE prompts SET result_code = ?, receipt = ? WHERE checkout_id = ?",
            str(result.code),
            payment.receipt if payment else None,
            checkout_id,
        )
        _tell_gateway(world, row, result, payment)
        _tell_phone(world, row, result, payment)
        fault = _fault(row)
        if fault.late_success and result in {TIMEOUT, EXPIRED}:
            _schedule_end(world, checkout_id, PAID, fault.late_success, late=True)
    return result


def _take_money(world: World, row: sqlite3.Row) -> wallet.Payment:
    return wallet.pay(
        world,
        msisdn=row["msisdn"],
        amount_cents=row["amount_cents"],
        account=row["account"],
        shortcode=row["shortcode"],
        started_at=row["opened_at"],
    )


def _tell_gateway(world: World, row: sqlite3.Row, result: Result, payment: wallet.Payment | None) -> None:
    fault = _fault(row)
    callback: dict[str, Any] = {
        "MerchantRequestID": row["merchant_id"],
        "CheckoutRequestID": row["checkout_id"],
        "ResultCode": result.code,
        "ResultDesc": result.text,
    }
    if payment:
        callback["CallbackMetadata"] = {"Item": _metadata(row["checkout_id"], payment)}
    world.post.send(
        "stk",
        row["checkout_id"],
        row["callback_url"],
        {"Body": {"stkCallback": callback}},
        in_seconds=REORDERED_SECONDS if fault.reorder else CALLBACK_SECONDS,
        fault=fault,
    )
    if payment:
        confirmations.confirm(world, payment, in_seconds=C2B_SECONDS)


def _metadata(checkout_id: str, payment: wallet.Payment) -> list[dict[str, Any]]:
    """The items in an order of their own each time; `Balance` comes without a value, as in the field."""
    items: list[dict[str, Any]] = [
        {"Name": "Amount", "Value": payment.amount_cents / 100},
        {"Name": "MpesaReceiptNumber", "Value": payment.receipt},
        {"Name": "Balance"},
        {"Name": "TransactionDate", "Value": int(compact(payment.completed_at))},
        {"Name": "PhoneNumber", "Value": int(payment.msisdn)},
    ]
    random.Random(checkout_id).shuffle(items)
    return items


def _tell_phone(world: World, row: sqlite3.Row, result: Result, payment: wallet.Payment | None) -> None:
    if payment:
        wallet.tell_payer(world, payment)
        return
    if result in {CANCELLED, TIMEOUT, EXPIRED, LOCKED}:
        return
    left = money.grouped(wallet.balance_cents(world, row["msisdn"]))
    if result == WRONG_PIN:
        wallet.tell(world, row["msisdn"], "Failed. You have entered the wrong PIN. Please try again.")
    elif result.code == 1:
        wallet.tell(
            world,
            row["msisdn"],
            f"Failed. You do not have enough money in your M-PESA account to pay "
            f"Ksh{money.grouped(row['amount_cents'])} to {world.settings.organisation}. "
            f"Your M-PESA balance is Ksh{left}.",
        )


def _fault(row: sqlite3.Row) -> Fault:
    return Fault.from_spec(json.loads(row["fault"]), draw=json.loads(row["fault"])["draw"])
