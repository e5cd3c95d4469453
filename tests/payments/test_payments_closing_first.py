"""The first month of a fund: it begins with the first money."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from payments.closing.service import Closings, NotToClose
from payments.closing.view import recent_days
from payments.reconciliation.service import reconcile
from payments.wallets.protocol import LineKind
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.test_payments_closing import BY, DAY, OF, WHY, a_day, bring, line
from tests.payments.world import START, World


def test_the_first_month_is_closed_over_its_days_since_the_first_money(world: World) -> None:
    a_day(world)
    room = Closings(world.sessions, world.clock, world.calendar)
    for _ in range(9):
        world.clock.forward(days=1)
        world.add_task("reconcile", {"wallet": "mpesa", "shortcode": SHORTCODE})
        world.work()
    for number in range(23, 31):
        room.close_day(replace(OF, day=date(2026, 11, number)), by=BY, reason=WHY)
    with pytest.raises(NotToClose, match="days open"):
        room.close_month("mpesa", SHORTCODE, "2026-11", by=BY)
    room.close_day(OF, by=BY, reason=WHY)
    with pytest.raises(NotToClose, match="days open"):
        room.close_month("mpesa", SHORTCODE, "2026-10", by=BY)
    month = room.close_month("mpesa", SHORTCODE, "2026-11", by=BY)
    assert sorted(month.figures["days"]) == [f"2026-11-{number}" for number in range(22, 31)]
    # What is told now of a day before would be in no month.
    bring(world, line(world, 5_000, 0, balance_after=None, at=START - timedelta(days=2)))
    before = replace(OF, day=DAY - timedelta(days=2))
    with world.sessions.begin() as session:
        reconcile(
            session,
            world.calendar,
            wallet="mpesa",
            shortcode=SHORTCODE,
            day=before.day,
            now=world.clock.now(),
        )
    with pytest.raises(NotToClose, match="month closed"):
        room.close_day(before, by=BY, reason=WHY)
    room.reopen(month.id, by=BY, reason="one more statement came")
    room.close_day(before, by=BY, reason=WHY)
    with pytest.raises(NotToClose, match="days open"):
        room.close_month("mpesa", SHORTCODE, "2026-11", by=BY)


def test_a_day_before_the_first_payment_has_its_lines_closed_too(world: World) -> None:
    bring(world, line(world, -300, 700, kind=LineKind.CHARGE))
    world.clock.forward(days=2)
    bring(world, line(world, 5_000, 5_700))
    until = DAY + timedelta(days=3)
    with world.sessions.begin() as session:
        days = recent_days(session, world.calendar, wallet="mpesa", shortcode=SHORTCODE, until=until, days=7)
    assert [each.day for each in days] == [until - timedelta(days=back) for back in range(4)]
