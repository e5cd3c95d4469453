"""A prompt's life with any of these wallets: shown, answered or over, and its end told to the gateway."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox import money
from sandbox.collecting import purses
from sandbox.daraja import wallet as phones
from sandbox.faults import Fault
from sandbox.world import World

CALLBACK_SECONDS = 0.2
REORDERED_SECONDS = 2.0
PAID, CANCELLED, TIMEOUT, EXPIRED = "paid", "cancelled", "timeout", "expired"
INSUFFICIENT, WRONG_PIN = "insufficient", "wrong_pin"
_SILENT = frozenset({CANCELLED, TIMEOUT, EXPIRED})


@dataclass(frozen=True, slots=True)
class Provider:
    """What differs between wallets. `callback_of` gives HTTP method and body for a prompt that has ended."""

    name: str
    title: str
    sender: str
    new_receipt: Callable[[World], str]
    callback_of: Callable[[World, sqlite3.Row], tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for payment that has passed every check. The amount is in cents of the currency."""

    id: str
    external_id: str
    msisdn: str
    amount_cents: int
    currency: str
    reference: str
    note: str
    callback_url: str


class NoPromptError(LookupError):
    """Nothing is being asked on that phone."""


_PROVIDERS: dict[str, Provider] = {}


def install(world: World, *providers: Provider) -> None:
    """Takes up what the agenda holds about prompts, from before a restart included."""
    _PROVIDERS.update({provider.name: provider for provider in providers})

    def end(due: dict[str, Any]) -> None:
        _end(world, due["provider"], due["id"], due["outcome"], late=due["late"])

    world.agenda.handle("collection_end", end)


def find(world: World, provider: str, prompt_id: str) -> sqlite3.Row | None:
    return world.store.row("SELECT * FROM collections WHERE provider = ? AND id = ?", provider, prompt_id)


def open_on(world: World, msisdn: str) -> sqlite3.Row | None:
    """The prompt now shown on the phone, if any: the oldest of those waiting."""
    return world.store.row(
        "SELECT * FROM collections WHERE msisdn = ? AND outcome IS NULL ORDER BY opened_at LIMIT 1", msisdn
    )


def title_of(row: sqlite3.Row) -> str:
    return _PROVIDERS[row["provider"]].title


def open_prompt(world: World, provider: str, asked: Asked, fault: Fault) -> None:
    """Shows the prompt, and puts on the agenda how it ends when nobody touches it."""
    now = world.clock.now()
    seconds = world.switches.prompt_seconds
    world.store.insert(
        "collections",
        provider=provider,
        id=asked.id,
        external_id=asked.external_id,
        msisdn=asked.msisdn,
        amount_cents=asked.amount_cents,
        currency=asked.currency,
        reference=asked.reference,
        note=asked.note,
        callback_url=asked.callback_url,
        fault=fault.as_json(),
        opened_at=now,
        expires_at=now + seconds,
    )
    by_itself = fault.auto if fault.auto is not None else bool(fault.outcome or fault.late_success)
    if by_itself:
        outcome = fault.outcome or (TIMEOUT if fault.late_success else PAID)
        _schedule_end(world, provider, asked.id, outcome, float(world.switches.auto_seconds))
    else:
        _schedule_end(world, provider, asked.id, TIMEOUT, seconds)


def _schedule_end(
    world: World, provider: str, prompt_id: str, outcome: str, in_seconds: float, *, late: bool = False
) -> None:
    due = {"provider": provider, "id": prompt_id, "outcome": outcome, "late": late}
    world.agenda.add("collection_end", due, in_seconds)


def answer(world: World, msisdn: str, *, pin: str = "", cancel: bool = False) -> str:
    """What the person does with the prompt on their phone; the outcome. NoPromptError when there is none."""
    row = open_on(world, msisdn)
    if row is None:
        raise NoPromptError
    if cancel:
        outcome = CANCELLED
    elif pin == world.settings.wrong_pin:
        outcome = WRONG_PIN
    else:
        outcome = _fault(row).outcome or PAID
    ended = _end(world, row["provider"], row["id"], outcome)
    if ended is None:
        raise NoPromptError
    return ended


def _end(world: World, provider: str, prompt_id: str, outcome: str, *, late: bool = False) -> str | None:
    """Ends the prompt once and tells the gateway; the outcome, or None when it had already ended."""
    with world.store.transaction():
        row = find(world, provider, prompt_id)
        if row is None or (row["outcome"] is not None and not late) or row["receipt"]:
            return None
        receipt = None
        if outcome == PAID:
            try:
                receipt = _take_money(world, _PROVIDERS[provider], row).receipt
            except purses.PoorError:
                outcome = INSUFFICIENT
        if late and receipt is None:
            return None
        world.store.execute(
            "UPDATE collections SET outcome = ?, receipt = ? WHERE provider = ? AND id = ?",
            outcome,
            receipt,
            provider,
            prompt_id,
        )
        fault = _fault(row)
        _tell_gateway(world, _PROVIDERS[provider], prompt_id, fault)
        _tell_phone(world, _PROVIDERS[provider], row, outcome, receipt)
        if fault.late_success and outcome in {TIMEOUT, EXPIRED}:
            _schedule_end(world, provider, prompt_id, PAID, fault.late_success, late=True)
    return outcome


def _take_money(world: World, provider: Provider, row: sqlite3.Row) -> purses.Collected:
    return purses.pay(
        world,
        provider.name,
        purses.Collected(
            receipt=provider.new_receipt(world),
            msisdn=row["msisdn"],
            name="",
            reference=row["reference"],
            external_id=row["external_id"],
            amount_cents=row["amount_cents"],
            charge_cents=world.switches.statement_charge_cents,
            currency=row["currency"],
            balance_cents=0,
            completed_at=world.clock.now(),
        ),
    )


def _tell_gateway(world: World, provider: Provider, prompt_id: str, fault: Fault) -> None:
    row = find(world, provider.name, prompt_id)
    assert row is not None
    if not row["callback_url"]:
        return
    method, body = provider.callback_of(world, row)
    world.post.send(
        provider.name,
        prompt_id,
        row["callback_url"],
        body,
        method=method,
        in_seconds=REORDERED_SECONDS if fault.reorder else CALLBACK_SECONDS,
        fault=fault,
    )


def _tell_phone(
    world: World, provider: Provider, row: sqlite3.Row, outcome: str, receipt: str | None
) -> None:
    if outcome in _SILENT:
        return
    price = f"{row['currency']} {money.grouped(row['amount_cents'])}"
    held = purses.balance_cents(world, provider.name, row["msisdn"], row["currency"])
    left = f"{row['currency']} {money.grouped(held)}"
    if receipt is not None:
        text = f"{receipt}: you have paid {price} to {world.settings.organisation}. Balance {left}."
    elif outcome == WRONG_PIN:
        text = "Failed. You have entered the wrong PIN. Please try again."
    elif outcome == INSUFFICIENT:
        text = f"Failed. You do not have enough money to pay {price}. Balance {left}."
    else:
        text = f"Failed. {price} to {world.settings.organisation} was not paid."
    phones.tell(world, row["msisdn"], text, sender=provider.sender)


def _fault(row: sqlite3.Row) -> Fault:
    kept = json.loads(row["fault"])
    return Fault.from_spec(kept, draw=kept["draw"])
