"""Where the money is: a purse per provider and phone, and the organisation's account with each provider."""

from dataclasses import dataclass

from sandbox.daraja.wallet import owner
from sandbox.world import World

OPENING_UNITS_PER_SHILLING = 30
"""A Ugandan or Rwandan purse opens with as much as a Kenyan one is worth, roughly."""


class PoorError(Exception):
    """The purse holds less than that."""


@dataclass(frozen=True, slots=True)
class Collected:
    """One line of the organisation's account with a provider, in cents of the currency; charges are apart."""

    receipt: str
    msisdn: str
    name: str
    reference: str
    external_id: str
    amount_cents: int
    charge_cents: int
    currency: str
    balance_cents: int
    completed_at: float


def balance_cents(world: World, provider: str, msisdn: str, currency: str) -> int:
    """What the purse holds; one seen for the first time has the opening balance."""
    found = world.store.row(
        "SELECT balance_cents FROM purses WHERE provider = ? AND msisdn = ?", provider, msisdn
    )
    if found is not None:
        return int(found["balance_cents"])
    opening = world.settings.opening_balance_shillings * 100
    return opening if currency == "KES" else opening * OPENING_UNITS_PER_SHILLING


def set_balance(world: World, provider: str, msisdn: str, cents: int) -> None:
    world.store.execute(
        "INSERT INTO purses (provider, msisdn, balance_cents) VALUES (?, ?, ?)"
        " ON CONFLICT (provider, msisdn) DO UPDATE SET balance_cents = excluded.balance_cents",
        provider,
        msisdn,
        cents,
    )


def pay(world: World, provider: str, line: Collected) -> Collected:
    """Moves money from the purse to the organisation and books it. PoorError when there is too little.

    `balance_cents` of `line` is ignored and filled in. Join an open transaction.
    """
    held = balance_cents(world, provider, line.msisdn, line.currency)
    if held < line.amount_cents:
        raise PoorError
    set_balance(world, provider, line.msisdn, held - line.amount_cents)
    before = world.store.number(
        "SELECT balance_cents FROM collected WHERE provider = ? AND currency = ? ORDER BY id DESC LIMIT 1",
        provider,
        line.currency,
    )
    booked = Collected(
        receipt=line.receipt,
        msisdn=line.msisdn,
        name=owner(world, line.msisdn),
        reference=line.reference,
        external_id=line.external_id,
        amount_cents=line.amount_cents,
        charge_cents=line.charge_cents,
        currency=line.currency,
        balance_cents=before + line.amount_cents - line.charge_cents,
        completed_at=line.completed_at,
    )
    values = {name: getattr(booked, name) for name in Collected.__dataclass_fields__}
    world.store.insert("collected", provider=provider, **values)
    return booked
