"""Differences open and close however old their day is, and a round stays bounded."""

import json
import uuid
from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import select

from core.ids import new_id
from core.money import Money
from core.outbox import Task
from core.phone import PhoneNumber
from payments.closing.control import CutOff
from payments.closing.service import Closings, still_says
from payments.closing.tables import Closing
from payments.model import EvidenceChannel
from payments.reconciliation.due_days import MISSED_DAYS_MAX, OLDER_DAYS_MAX, due_days
from payments.reconciliation.tables import Break, ReconciliationRun
from payments.registry_postings.tables import RegistryPosting
from payments.suspense.model import Act
from payments.wallet_lines.service import keep_lines
from payments.wallets.protocol import LineKind, WalletLine
from tests.payments.deciding import STRANGER, do, lost, wish
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.world import START, World

FIRST_DAY = date(2026, 11, 22)


def round_of(world: World) -> None:
    """What comes round by itself: a task that names no day."""
    payload = {"wallet": "mpesa", "shortcode": SHORTCODE}
    assert world.reconciling.run(Task(uuid.uuid4(), "reconcile", "k", payload, 1, START)) is None


def due(world: World, wallet: str = "mpesa") -> Sequence[date]:
    """The days that are due besides the last two."""
    with world.sessions.begin() as session:
        days = due_days(session, world.calendar, wallet, SHORTCODE, now=world.clock.now())
    today = world.calendar.day_of(world.clock.now())
    assert list(days[:2]) == [today - timedelta(days=1), today]
    return days[2:]


def breaks(world: World) -> dict[str, tuple[str, date]]:
    with world.sessions.begin() as session:
        return {row.break_class: (row.state, row.day) for row in session.scalars(select(Break))}


def rounds(world: World, days: int) -> None:
    """A house that runs: every day is compared until it has been yesterday."""
    for _ in range(days):
        world.clock.forward(days=1)
        round_of(world)


def test_a_forged_payment_is_found_although_the_house_was_down_for_days_after_it(world: World) -> None:
    member = world.member()
    world.wallet.is_down = True
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.work("evidence")
    world.wallet.lines.clear()
    world.clock.forward(days=10)
    round_of(world)
    assert breaks(world)["not_on_statement"] == ("open", FIRST_DAY)


def test_a_forged_payment_is_found_whatever_day_it_names(world: World) -> None:
    """Compared to its end already, or before anything else that is known."""
    bodies = [world.wallet.pay_by_hand(STRANGER, 5000, "WHO")]
    world.clock.forward(days=1)
    bodies.append(world.wallet.pay_by_hand(STRANGER, 5000, "WHO"))
    world.wallet.lines.clear()
    world.clock.forward(hours=6)
    lost(world)
    rounds(world, days=6)
    for body in bodies:
        world.confirm(body)
    world.work("evidence")
    round_of(world)
    world.clock.forward(minutes=11)
    round_of(world)
    with world.sessions.begin() as session:
        forged = session.scalars(select(Break.day).where(Break.break_class == "not_on_statement"))
        assert sorted(forged) == [FIRST_DAY, FIRST_DAY + timedelta(days=1)]


def test_what_was_told_late_keeps_its_day_due_until_it_is_compared(world: World) -> None:
    member = world.member()
    first, late = (
        world.wallet.pay_by_hand(PhoneNumber(member.phone), cents, member.number) for cents in (5000, 700)
    )
    line = world.wallet.lines.pop()
    world.confirm(first)
    world.settle(minutes=2)
    rounds(world, days=5)
    assert due(world) == []
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", [line], EvidenceChannel.PULL, now=world.clock.now())
    world.confirm(late)
    world.settle(minutes=2)
    assert due(world) == [FIRST_DAY]
    assert due(world, "airtel") == []
    world.clock.forward(minutes=11)
    round_of(world)
    assert breaks(world) == {}
    assert due(world) == []


def test_after_an_outage_every_day_of_it_is_compared_once(world: World) -> None:
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=2)
    round_of(world)
    world.clock.forward(days=12)
    # Also those without money, so that they can be closed; none of before the first.
    outage = [FIRST_DAY + timedelta(days=number) for number in range(11)]
    with world.sessions.begin() as session:
        session.add(_run(outage[1], hours_after=11))
        session.add(_run(outage[2], hours_after=13))
    assert due(world) == outage[3:10]
    assert due(world, "airtel") == []
    round_of(world)
    assert due(world) == [outage[10], outage[0], outage[1]]
    round_of(world)
    assert due(world) == []


def test_what_was_missed_too_long_ago_keeps_no_round_busy(world: World) -> None:
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=2)
    world.clock.forward(days=400)
    last = world.calendar.day_of(world.clock.now()) - timedelta(days=2)
    assert due(world)[0] == last - timedelta(days=MISSED_DAYS_MAX - 1)
    for _ in range(MISSED_DAYS_MAX // OLDER_DAYS_MAX + 1):
        round_of(world)
    assert due(world) == []


def test_what_the_registry_refuses_days_after_the_payment_becomes_a_break(world: World) -> None:
    receipt = lost(world)
    world.clock.forward(days=4)
    world.registry.refuses = "rjct.amount.invalid"
    do(world, wish(Act.MATCH, receipt, member_id=world.member().id))
    world.settle(minutes=2)
    assert breaks(world) == {"suspense": ("resolved", FIRST_DAY)}
    round_of(world)
    assert breaks(world)["rejected_by_registry"] == ("open", FIRST_DAY)


def test_a_break_of_days_when_the_registry_was_away_ends_when_it_has_taken_all(world: World) -> None:
    world.registry.is_down = True
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=15)
    round_of(world)
    assert breaks(world) == {"not_posted": ("open", FIRST_DAY)}
    world.clock.forward(days=3)
    world.registry.is_down = False
    world.settle(minutes=20)
    round_of(world)
    assert breaks(world) == {"not_posted": ("resolved", FIRST_DAY)}
    assert due(world) == []


def test_what_was_refused_is_due_until_it_is_settled_and_again_when_told_otherwise(world: World) -> None:
    world.registry.changes_amount_by_cents = 7
    member = world.member()
    body = world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    world.confirm(body)
    world.settle(minutes=2)
    world.clock.forward(days=4)
    # Never compared while it was young, as when no worker ran.
    assert FIRST_DAY in due(world)
    round_of(world)
    assert breaks(world) == {"registry_amount_differs": ("open", FIRST_DAY)}
    assert due(world) == [FIRST_DAY]
    with world.sessions.begin() as session:
        [found] = session.scalars(select(Break))
    do(world, wish(Act.EXPLAIN, break_id=found.id))
    round_of(world)
    assert breaks(world) == {"registry_amount_differs": ("settled", FIRST_DAY)}
    assert due(world) == []
    [receipt] = world.receipts()
    assert receipt.receipt == json.loads(body)["receipt"]
    do(world, wish(Act.REPOST, receipt))
    assert due(world) == [FIRST_DAY]


def test_what_was_reversed_before_it_was_posted_keeps_no_day_due(world: World) -> None:
    member = world.member()
    body = world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    world.confirm(body)
    world.work("evidence")
    world.clock.forward(seconds=30)
    world.pull()
    world.wallet.take_back(str(json.loads(body)["receipt"]))
    world.clock.forward(seconds=30)
    world.pull()
    world.settle(minutes=10)
    [receipt] = world.receipts()
    with world.sessions.begin() as session:
        [posting] = session.scalars(select(RegistryPosting))
    assert (receipt.reversed_at is None, posting.state, posting.posted_at) == (False, "rejected", None)
    rounds(world, days=4)
    assert due(world) == []


def test_what_the_wallet_takes_back_days_after_the_payment_becomes_a_break(world: World) -> None:
    member = world.member()
    body = world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    world.confirm(body)
    world.settle(minutes=2)
    rounds(world, days=4)
    assert due(world) == []
    world.wallet.take_back(str(json.loads(body)["receipt"]))
    world.pull()
    world.settle(minutes=2)
    assert breaks(world) == {"reversed_after_credit": ("open", FIRST_DAY)}


def test_what_a_pull_after_an_outage_tells_of_no_payment_keeps_its_day_due(world: World) -> None:
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=2)
    rounds(world, days=5)
    for kind, cents in ((LineKind.OTHER, -300_000), (LineKind.REVERSAL, -5000)):
        assert due(world) == []
        line = WalletLine(
            shortcode=SHORTCODE, receipt=f"SKL{kind}", row_key=kind, kind=kind, amount=Money(cents), at=START
        )
        with world.sessions.begin() as session:
            keep_lines(session, "mpesa", [line], EvidenceChannel.PULL, now=world.clock.now())
        world.clock.forward(minutes=11)
        assert (due(world), due(world, "airtel")) == ([FIRST_DAY], [])
        round_of(world)
        with world.sessions.begin() as session:
            found = session.scalars(select(Break).where(Break.subject == f"SKL{kind}".upper())).one()
            assert (found.break_class, found.day, found.state) == ("unbooked_line", FIRST_DAY, "open")
            found.state = "settled"


def test_every_old_day_has_its_turn_and_only_in_its_own_account(world: World) -> None:
    days = [FIRST_DAY - timedelta(days=back) for back in range(2, OLDER_DAYS_MAX + 6)]
    with world.sessions.begin() as session:
        session.add_all(_open_break(day) for day in days)
    assert due(world) == sorted(days)[:OLDER_DAYS_MAX]
    assert due(world, "airtel") == []
    for _ in range(2):
        round_of(world)
        world.clock.forward(minutes=1)
    with world.sessions.begin() as session:
        compared = set(session.scalars(select(ReconciliationRun.day)))
        assert compared >= set(days)
        assert set(session.scalars(select(Break.state))) == {"resolved"}
    assert due(world) == []


def test_comparing_a_closed_day_changes_nothing_of_what_was_closed(world: World) -> None:
    receipt = lost(world)
    world.clock.forward(hours=21)
    round_of(world)
    of = CutOff("mpesa", SHORTCODE, FIRST_DAY)
    closed = Closings(world.sessions, world.clock, world.calendar).close_day(
        of, by="staff:closer", reason="the wallet has no statement yet"
    )
    assert closed.figures["open_suspense"] == 1
    rounds(world, days=3)
    assert due(world) == [FIRST_DAY]
    do(world, wish(Act.MATCH, receipt, member_id=world.member().id))
    world.registry.refuses = "rjct.amount.invalid"
    world.settle(minutes=2)
    round_of(world)
    assert breaks(world)["rejected_by_registry"] == ("open", FIRST_DAY)
    with world.sessions.begin() as session:
        [again] = session.scalars(select(Closing))
        assert (again.figures, again.digest) == (closed.figures, closed.digest)
        assert still_says(session, world.calendar, again)


def _run(day: date, *, hours_after: int) -> ReconciliationRun:
    """A day that was compared so many hours after its end, which is at nine in the evening, UTC."""
    none = (
        "received confirmed posted acknowledged breaks_open received_cents confirmed_cents posted_cents"
        " acknowledged_cents wallet_lines wallet_in_cents wallet_out_cents breaks_found breaks_resolved"
    )
    at = START.replace(day=day.day, hour=21) + timedelta(hours=hours_after)
    return ReconciliationRun(
        id=new_id(), wallet="mpesa", shortcode=SHORTCODE, day=day, at=at, **dict.fromkeys(none.split(), 0)
    )


def _open_break(day: date) -> Break:
    """A difference that no longer is one."""
    at = START - timedelta(days=30)
    return Break(
        id=new_id(),
        wallet="mpesa",
        shortcode=SHORTCODE,
        day=day,
        break_class="not_posted",
        subject=f"OLD{day:%m%d}",
        state="open",
        amount_cents=5000,
        run_id=new_id(),
        first_seen=at,
        last_seen=at,
    )
