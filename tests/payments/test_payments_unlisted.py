"""Money is a forgery suspect only when a list that is complete does not have it."""

import json
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from core.phone import PhoneNumber
from payments.imports.handing_in import hand_in
from payments.imports.service import Importing
from payments.model import EvidenceChannel
from payments.reconciliation.service import reconcile
from payments.reconciliation.tables import Break
from payments.wallets.statements import Statement
from tests.payments.collecting_wallet import CollectingWallet
from tests.payments.scripted_wallet import ScriptedWallet
from tests.payments.world import PULL_DELAY, START, World


@dataclass
class _Exports(CollectingWallet):
    """Its list is a file that staff hand in."""

    def read_statement(self, content: bytes) -> Statement:
        assert content == b"all of it"
        return Statement(self.shortcode, tuple(self.lines), ())


def _airtel(world: World) -> _Exports:
    wallet = _Exports(world.clock.now)
    world.wallets[wallet.name] = wallet
    return wallet


def _pay(world: World, wallet: ScriptedWallet) -> str:
    member = world.member()
    body = wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    world.tell(EvidenceChannel.C2B_CONFIRMATION, body, wallet=wallet.name)
    world.settle(minutes=1)
    return str(json.loads(body)["receipt"])


def _suspects(world: World, wallet: ScriptedWallet) -> list[tuple[str, str]]:
    with world.sessions.begin() as session:
        reconcile(
            session,
            world.calendar,
            wallet=wallet.name,
            shortcode=wallet.shortcode,
            day=world.calendar.day_of(START),
            now=world.clock.now(),
        )
        found = select(Break).where(Break.break_class == "not_on_statement").order_by(Break.subject)
        return [(row.subject, row.state) for row in session.scalars(found)]


def _hand_in(world: World, airtel: _Exports) -> None:
    importing = Importing(
        world.sessions,
        world.clock,
        world.calendar,
        {airtel.name: airtel},
        pull_delay=PULL_DELAY,
        limit_cents=0,
    )
    about = {"wallet": airtel.name, "shortcode": airtel.shortcode, "name": "day.csv", "by": "staff:one"}
    with world.sessions.begin() as session:
        hand_in(session, **about, content=b"all of it", now=world.clock.now())
    [row] = world.tasks("statement")
    importing.run(world.task(row))


def test_without_a_list_nothing_is_suspected_until_the_days_statement_is_missed(world: World) -> None:
    airtel = _airtel(world)
    receipt = _pay(world, airtel)
    world.clock.forward(hours=9)
    assert _suspects(world, airtel) == []
    noon = world.calendar.bounds(world.calendar.day_of(START))[1] + timedelta(hours=12)
    world.clock.forward(seconds=(noon - world.clock.now()).total_seconds() - 1)
    assert _suspects(world, airtel) == []
    world.clock.forward(seconds=1)
    assert _suspects(world, airtel) == [(receipt, "open")]


def test_a_statement_file_shows_what_is_not_on_it_as_far_as_it_goes(world: World) -> None:
    airtel = _airtel(world)
    _pay(world, airtel)
    world.clock.forward(hours=1)
    forged = _pay(world, airtel)
    del airtel.lines[-1]
    world.clock.forward(hours=1)
    _pay(world, airtel)
    # The export was made here: of what comes later it says nothing.
    _hand_in(world, airtel)
    world.clock.forward(hours=1)
    _pay(world, airtel)
    world.clock.forward(hours=1)
    assert _suspects(world, airtel) == [(forged, "open")]


def test_while_the_wallets_list_cannot_be_read_nothing_is_suspected(world: World) -> None:
    world.wallet.is_down = True
    receipt = _pay(world, world.wallet)
    world.wallet.lines.clear()
    world.settle(minutes=20)
    assert _suspects(world, world.wallet) == []
    world.wallet.is_down = False
    world.pull()
    assert _suspects(world, world.wallet) == [(receipt, "open")]
