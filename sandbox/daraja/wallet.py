"""Where the money is: a wallet per phone, one account of the organisation, and the payments between them."""

import secrets
import sqlite3
import string
from dataclasses import dataclass

from sandbox import money
from sandbox.clock import day_bounds, eat
from sandbox.daraja.outcomes import DAILY_LIMIT, INSUFFICIENT, RULE_LIMITED, Result
from sandbox.world import World

ALPHABET = string.ascii_uppercase + string.digits
DAILY_LIMIT_CENTS = 500_000_00
SAME_AMOUNT_SECONDS = 120
LETTER_OF_FIRST_YEAR = 2006  # Receipts of 2006 would begin with A; those of 2026 begin with U.
PAYMENT, CHARGE, PAYOUT, REVERSAL, SETTLEMENT = "payment", "charge", "payout", "reversal", "settlement"


class Declined(Exception):  # noqa: N818 - it is an answer, not an error.
    """The wallet says no, for the reason given."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.text)
        self.result = result


@dataclass(frozen=True, slots=True)
class Payment:
    """One line of the organisation's account. Amounts in cents; money out is negative."""

    receipt: str
    kind: str
    shortcode: str
    msisdn: str
    name: str
    account: str
    amount_cents: int
    balance_cents: int
    started_at: float
    completed_at: float

    @classmethod
    def of(cls, row: sqlite3.Row) -> "Payment":
        return cls(**{key: row[key] for key in row.keys() if key != "id"})  # noqa: SIM118 - a Row iterates values.


def balance_cents(world: World, msisdn: str) -> int:
    """What the phone's wallet holds; a number seen for the first time starts with the opening balance."""
    return int(_wallet(world, msisdn)["balance_cents"])


def owner(world: World, msisdn: str) -> str:
    return str(_wallet(world, msisdn)["name"])


def _wallet(world: World, msisdn: str) -> sqlite3.Row:
    row = world.store.row("SELECT * FROM wallets WHERE msisdn = ?", msisdn)
    if row is None:
        world.store.execute(
            "INSERT OR IGNORE INTO wallets (msisdn, balance_cents, name) VALUES (?, ?, ?)",
            msisdn,
            world.settings.opening_balance_shillings * 100,
            world.people.owner_of(msisdn).full_name.upper(),
        )
        row = world.store.row("SELECT * FROM wallets WHERE msisdn = ?", msisdn)
    assert row is not None
    return row


def set_balance(world: World, msisdn: str, cents: int) -> None:
    _wallet(world, msisdn)
    world.store.execute("UPDATE wallets SET balance_cents = ? WHERE msisdn = ?", cents, msisdn)


def organisation_balance_cents(world: World) -> int:
    return world.store.number("SELECT balance_cents FROM payments ORDER BY id DESC LIMIT 1")


def new_receipt(world: World) -> str:
    """Ten characters as M-Pesa writes them: year, month and day in one character each, then seven more."""
    today = eat(world.clock.now())
    day = str(today.day) if today.day < 10 else string.ascii_uppercase[today.day - 10]  # noqa: PLR2004 - digits end.
    head = string.ascii_uppercase[(today.year - LETTER_OF_FIRST_YEAR) % 26]
    head += string.ascii_uppercase[today.month - 1] + day
    while True:
        receipt = head + "".join(secrets.choice(ALPHABET) for _ in range(7))
        if not world.store.row("SELECT 1 FROM payments WHERE receipt = ?", receipt):
            return receipt


def pay(
    world: World,
    *,
    msisdn: str,
    amount_cents: int,
    account: str,
    shortcode: str,
    started_at: float,
    receipt: str = "",
) -> Payment:
    """Moves money from the phone to the organisation, at once and wholly, or raises Declined.

    Join an open transaction to make it one with what else is recorded about the payment.
    """
    with world.store.transaction():
        if balance_cents(world, msisdn) < amount_cents:
            raise Declined(INSUFFICIENT)
        now = world.clock.now()
        _check_rules(world, msisdn, amount_cents, now)
        world.store.execute(
            "UPDATE wallets SET balance_cents = balance_cents - ? WHERE msisdn = ?", amount_cents, msisdn
        )
        payment = Payment(
            receipt=receipt or new_receipt(world),
            kind=PAYMENT,
            shortcode=shortcode,
            msisdn=msisdn,
            name=owner(world, msisdn),
            account=account,
            amount_cents=amount_cents,
            balance_cents=organisation_balance_cents(world) + amount_cents,
            started_at=started_at,
            completed_at=now,
        )
        book(world, payment)
        charge = world.switches.statement_charge_cents
        if charge:
            book_charge(world, payment, charge)
    return payment


def give(world: World, *, receipt: str, kind: str, msisdn: str, amount_cents: int, account: str) -> None:
    """Moves money from the organisation to a phone; a reversal's `account` is the receipt it undoes."""
    now = world.clock.now()
    with world.store.transaction():
        name = owner(world, msisdn)
        world.store.execute(
            "UPDATE wallets SET balance_cents = balance_cents + ? WHERE msisdn = ?", amount_cents, msisdn
        )
        book(
            world,
            Payment(
                receipt=receipt,
                kind=kind,
                shortcode=world.settings.shortcode,
                msisdn=msisdn,
                name=name,
                account=account,
                amount_cents=-amount_cents,
                balance_cents=organisation_balance_cents(world) - amount_cents,
                started_at=now,
                completed_at=now,
            ),
        )


def book(world: World, payment: Payment) -> None:
    """Writes one line of the organisation's account."""
    world.store.insert("payments", **{name: getattr(payment, name) for name in Payment.__dataclass_fields__})


def book_charge(world: World, payment: Payment, charge_cents: int) -> None:
    """A line of its own with the receipt of the payment it was taken for."""
    book(
        world,
        Payment(
            receipt=payment.receipt,
            kind=CHARGE,
            shortcode=payment.shortcode,
            msisdn=payment.msisdn,
            name=payment.name,
            account="",
            amount_cents=-charge_cents,
            balance_cents=organisation_balance_cents(world) - charge_cents,
            started_at=payment.started_at,
            completed_at=payment.completed_at,
        ),
    )


def settle(world: World, amount_cents: int) -> Payment:
    """The organisation takes money to its bank. Declined when it has less."""
    now = world.clock.now()
    with world.store.transaction():
        held = organisation_balance_cents(world)
        if held < amount_cents:
            raise Declined(INSUFFICIENT)
        line = Payment(
            receipt=new_receipt(world),
            kind=SETTLEMENT,
            shortcode=world.settings.shortcode,
            msisdn=world.settings.shortcode,
            name=world.settings.organisation,
            account="",
            amount_cents=-amount_cents,
            balance_cents=held - amount_cents,
            started_at=now,
            completed_at=now,
        )
        book(world, line)
    return line


def _check_rules(world: World, msisdn: str, amount_cents: int, now: float) -> None:
    start, end = day_bounds(eat(now).date())
    today = world.store.number(
        "SELECT sum(amount_cents) FROM payments WHERE kind = ? AND msisdn = ?"
        " AND completed_at >= ? AND completed_at < ?",
        PAYMENT,
        msisdn,
        start,
        end,
    )
    if today + amount_cents > DAILY_LIMIT_CENTS:
        raise Declined(DAILY_LIMIT)
    if world.switches.same_amount_rule and world.store.row(
        "SELECT 1 FROM payments WHERE kind = ? AND msisdn = ? AND amount_cents = ? AND completed_at > ?",
        PAYMENT,
        msisdn,
        amount_cents,
        now - SAME_AMOUNT_SECONDS,
    ):
        raise Declined(RULE_LIMITED)


def tell_payer(world: World, payment: Payment) -> None:
    """The wallet's own SMS to the payer."""
    when = eat(payment.completed_at)
    clock = when.strftime("%I:%M %p").lstrip("0")
    left = money.grouped(balance_cents(world, payment.msisdn))
    text = (
        f"{payment.receipt} Confirmed. Ksh{money.grouped(payment.amount_cents)} sent to "
        f"{world.settings.organisation} for account {payment.account} on "
        f"{when.day}/{when.month}/{when:%y} at {clock}. New M-PESA balance is Ksh{left}. "
        "Transaction cost, Ksh0.00."
    )
    tell(world, payment.msisdn, text)


def tell(world: World, msisdn: str, text: str, *, sender: str = "MPESA") -> None:
    """An SMS from the wallet, seen on the phone but not listed among those the gateway sent."""
    now = world.clock.now()
    world.store.insert(
        "sms",
        message_id=f"{sender}-{secrets.token_hex(8)}",
        direction="wallet",
        phone=msisdn,
        other=sender,
        text=text,
        at=now,
        visible_at=now,
        status="Success",
    )
