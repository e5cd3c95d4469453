"""A day's statement that does not come is missed until it comes, whatever came after it."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select, text

from core.phone import PhoneNumber
from payments.alerts.missing_statements import MISSING, in_words, missing_days
from payments.alerts.service import AlertKind, open_alerts
from payments.alerts.tables import Alert
from payments.alerts.watching import Lookout
from payments.imports.tables import StatementImport
from payments.model import BreakClass, EvidenceChannel
from payments.reconciliation.tables import Break
from payments.suspense.model import Act
from payments.wallet_lines.service import keep_lines
from tests.payments.conftest import STAFF_PHONES
from tests.payments.deciding import do, wish
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.world import START, World

FIRST = date(2026, 11, 22)
STRANGER = PhoneNumber("+254733000111")


def paid(world: World, *, days: int = 1) -> None:
    """A payment on each of the next days; the clock stands at the same hour of the day after the last."""
    for _ in range(days):
        world.confirm(world.wallet.pay_by_hand(STRANGER, 500, "WHO"))
        world.work("evidence")
        world.clock.forward(days=1)


def came(world: World, number: int) -> None:
    """The wallet's list of the day of its payment `number`, counted from 0."""
    line = world.wallet.lines[number]
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", [line], EvidenceChannel.STATEMENT, now=world.clock.now())


def looked(world: World, lookout: Lookout) -> str:
    """What is missing when the look-out looks now."""
    world.alerts(lookout)
    with world.sessions.begin() as session:
        details = [each.detail for each in open_alerts(session) if each.kind == AlertKind.STATEMENT_MISSING]
    assert len(details) <= 1
    return details[0] if details else ""


def told(world: World) -> int:
    return world.messages().count("staff_statement_missing") // len(STAFF_PHONES)


def day(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def test_the_first_day_is_the_worlds(world: World) -> None:
    assert world.calendar.day_of(START) == FIRST


def test_a_day_is_missed_although_the_next_one_came(world: World, lookout: Lookout) -> None:
    paid(world, days=2)
    came(world, 1)
    world.clock.forward(days=1)
    for _ in range(3):
        assert looked(world, lookout) == f"mpesa {SHORTCODE}: {day(0)}"
        world.clock.forward(days=5)
    assert told(world) == 1
    came(world, 0)
    assert looked(world, lookout) == ""


def test_each_new_day_is_told_and_one_that_comes_is_not(world: World, lookout: Lookout) -> None:
    paid(world)
    world.clock.forward(hours=1)
    assert looked(world, lookout) == f"mpesa {SHORTCODE}: {day(0)}"
    paid(world)
    assert looked(world, lookout) == f"mpesa {SHORTCODE}: {day(1)}, {day(0)}"
    assert told(world) == 2
    came(world, 1)
    assert looked(world, lookout) == f"mpesa {SHORTCODE}: {day(0)}"
    came(world, 0)
    assert looked(world, lookout) == ""
    assert told(world) == 2
    with world.sessions.begin() as session:
        assert len(session.scalars(select(Alert)).all()) == 2


def test_a_house_that_never_imported_is_told_once_a_day(world: World, lookout: Lookout) -> None:
    paid(world, days=62)
    world.clock.forward(hours=1)
    assert looked(world, lookout) == f"mpesa {SHORTCODE}: {day(61)}, {day(60)}, {day(59)} and 57 before"
    for _ in range(5):
        looked(world, lookout)
    assert told(world) == 1


def test_days_without_money_or_of_money_that_never_was_are_not_missed(world: World, lookout: Lookout) -> None:
    paid(world, days=2)
    came(world, 0)
    world.clock.forward(days=3)
    assert looked(world, lookout) == f"mpesa {SHORTCODE}: {day(1)}"
    world.reconcile(FIRST + timedelta(days=1))
    with world.sessions.begin() as session:
        of = Break.break_class == BreakClass.NOT_ON_STATEMENT
        break_id = session.scalars(select(Break.id).where(of)).one()
    do(world, wish(Act.WRITE_OFF, world.receipts()[1], break_id=break_id))
    assert looked(world, lookout) == ""


def test_a_file_counts_for_every_day_it_spans(world: World, lookout: Lookout) -> None:
    paid(world, days=3)
    world.clock.forward(days=1)
    with world.sessions.begin() as session:
        session.add(
            StatementImport(
                id=world.receipts()[0].id,
                wallet="mpesa",
                shortcode=SHORTCODE,
                name="two-days.csv",
                digest="d",
                size_bytes=1,
                state="done",
                by="staff:maker",
                at=world.clock.now(),
                first_at=START,
                last_at=START + timedelta(days=1),
            )
        )
    assert looked(world, lookout) == f"mpesa {SHORTCODE}: {day(2)}"


@pytest.mark.parametrize(("count", "says"), [(1, "a 1: {2}"), (4, "a 1: {5}, {4}, {3} and 1 before")])
def test_many_days_are_said_in_few_words(count: int, says: str) -> None:
    days = [FIRST + timedelta(days=2 + number) for number in reversed(range(count))]
    wanted = says.format(*[(FIRST + timedelta(days=n)).isoformat() for n in range(8)])
    assert in_words({("a", "1"): days}) == wanted


def test_many_wallets_fit_into_one_alert() -> None:
    days = [FIRST + timedelta(days=number) for number in range(60)]
    assert len(in_words({("mpesa", f"6001{n:02d}"): days for n in range(4)})) <= 300


def test_no_payment_and_no_line_is_looked_for_by_its_time_alone(world: World) -> None:
    paid(world, days=2)
    values = {"last": FIRST, "days_max": 60, "zone": "Africa/Nairobi"}
    with world.sessions.begin() as session:
        # So small a table would be read whole.
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join(session.scalars(text(f"EXPLAIN {MISSING.text}"), values))
        found = missing_days(session, world.calendar, last=FIRST, days_max=60)
    assert "ix_receipts_day" in plan
    assert "pk_wallet_lines" in plan
    assert not any(
        name in plan for name in ("ix_receipts_paid", "ix_wallet_lines_at", "Seq Scan on receipts")
    )
    assert found == {("mpesa", SHORTCODE): [FIRST]}
