"""Saving plans: one holds, its period is the rhythm's; reminders only for who wants them, in time, once."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import FundCalendar
from core.ids import new_id
from core.phone import PhoneNumber
from members.model import Purpose, Status
from members.tables import ConsentRow, MemberRow
from payments.plans import service as plans
from payments.plans.model import PlanRefused, PlanSet, Rhythm, Standing, period_of
from payments.plans.reminding import PlanReminding
from payments.schemes.rules import scheme_on
from tests.payments.test_payments_for_whom_and_when import prompted
from tests.payments.world import World

KENYA = scheme_on("KE", date(2026, 11, 22))
STARTS = KENYA.plans.season_starts
# A Sunday, the last day of its week, at 18:05 in Nairobi.
EVENING = datetime(2026, 11, 22, 15, 5, tzinfo=UTC)


@pytest.fixture
def evening(world: World) -> World:
    world.clock.instant = EVENING
    return world


def agree(world: World, member: MemberRow, *, given_: bool = True) -> None:
    with world.sessions.begin() as session:
        session.add(
            ConsentRow(
                member_id=member.id,
                purpose=Purpose.REMINDERS,
                given=given_,
                notice_version="test",
                language="en",
                channel="ussd",
                at=world.clock.now(),
            )
        )


def plan(
    world: World,
    member: MemberRow,
    rhythm: Rhythm = Rhythm.WEEK,
    amount_cents: int = 20_000,
    *,
    reminders: bool = True,
    key: str = "",
) -> PlanSet | PlanRefused:
    with world.sessions.begin() as session:
        return plans.set_plan(
            session,
            KENYA,
            key=key or str(new_id()),
            member_id=member.id,
            rhythm=rhythm,
            amount_cents=amount_cents,
            reminders=reminders,
            now=world.clock.now(),
        )


def standing(world: World, member: MemberRow) -> Standing | None:
    with world.sessions.begin() as session:
        return plans.standing(session, KENYA, world.calendar, member.id, now=world.clock.now())


def remind(world: World) -> list[int]:
    """One turn of the hour; what is left, of every reminder that was ever written."""
    reminding = PlanReminding(world.sessions, world.clock, world.calendar, lambda _: KENYA)
    world.add_task("plan_reminders", {})
    [*_, task] = world.tasks("plan_reminders")
    reminding.run(world.task(task))
    return [row.payload["values"]["amount_cents"] for row in world.tasks("reminder")]


def save(world: World, member: MemberRow, amount_cents: int) -> None:
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), amount_cents, member.number))
    world.work("evidence")


@given(st.sampled_from(Rhythm), st.dates(date(2020, 1, 1), date(2040, 12, 31)))
def test_periods_follow_each_other_without_gap_or_overlap(rhythm: Rhythm, day: date) -> None:
    period = period_of(rhythm, day, STARTS)
    assert period.first <= day <= period.last
    following = period_of(rhythm, period.last + timedelta(days=1), STARTS)
    assert following.first == period.last + timedelta(days=1)
    assert period_of(rhythm, period.first, STARTS) == period == period_of(rhythm, period.last, STARTS)


def test_a_plan_takes_no_money_and_shows_what_came_in_its_period(evening: World) -> None:
    member = evening.member()
    assert standing(evening, member) is None
    save(evening, member, 3000)
    assert plan(evening, member) == PlanSet()
    found = standing(evening, member)
    assert found is not None
    assert (found.rhythm, found.saved.amount_cents, found.rest.amount_cents) == (Rhythm.WEEK, 3000, 17_000)
    save(evening, member, 50_000)
    found = standing(evening, member)
    assert found is not None
    assert found.rest.amount_cents == 0
    # On Monday a new week begins.
    evening.clock.forward(seconds=24 * 3600)
    found = standing(evening, member)
    assert found is not None
    assert found.saved.amount_cents == 0
    assert evening.tasks("prompt") == []


def test_one_plan_holds_and_the_same_hop_makes_it_once(evening: World) -> None:
    member = evening.member()
    plan(evening, member, Rhythm.DAY, 5000, key="hop-1")
    plan(evening, member, Rhythm.MONTH, 40_000, key="hop-2", reminders=False)
    plan(evening, member, Rhythm.DAY, 5000, key="hop-1")
    found = standing(evening, member)
    assert found is not None
    assert (found.rhythm, found.reminders) == (Rhythm.MONTH, False)
    with evening.sessions.begin() as session:
        assert plans.stop_plan(session, member.id, now=EVENING)
        assert not plans.stop_plan(session, member.id, now=EVENING)
    assert standing(evening, member) is None


def test_a_plan_keeps_to_the_schemes_limits_and_to_open_memberships(evening: World) -> None:
    assert plan(evening, evening.member(), amount_cents=500) == PlanRefused("out_of_limits")
    assert plan(evening, evening.member(), amount_cents=2050) == PlanRefused("out_of_limits")
    assert plan(evening, evening.member(Status.CLOSED)) == PlanRefused("closed")


def test_a_reminder_says_what_is_left_once_in_a_period(evening: World) -> None:
    member = evening.member()
    agree(evening, member)
    plan(evening, member)
    save(evening, member, 5000)
    assert remind(evening) == [15_000]
    assert remind(evening) == [15_000]
    evening.clock.forward(seconds=7 * 24 * 3600)
    assert remind(evening) == [15_000, 20_000]


@pytest.mark.parametrize("status", [Status.DECEASED, Status.CLOSED])
def test_nobody_is_reminded_of_a_membership_that_has_ended(evening: World, status: Status) -> None:
    member = evening.member()
    agree(evening, member)
    plan(evening, member)
    with evening.sessions.begin() as session:
        session.get_one(MemberRow, member.id).status = status
    assert remind(evening) == []


def test_who_has_paid_or_did_not_ask_or_took_it_back_is_not_reminded(evening: World) -> None:
    paid, unasked, disagreed, changed, stopped, paying = (evening.member() for _ in range(6))
    for member in (paid, unasked, changed, stopped, paying):
        agree(evening, member)
    agree(evening, changed, given_=False)
    for member in (paid, disagreed, changed, stopped, paying):
        plan(evening, member)
    plan(evening, unasked, reminders=False)
    save(evening, paid, 20_000)
    with evening.sessions.begin() as session:
        plans.stop_plan(session, stopped.id, now=EVENING)
    evening.ask_to_save(paying, 20_000)
    assert remind(evening) == []


@pytest.mark.parametrize("hour", [0, 6, 9, 17, 19, 23])
def test_the_night_and_the_working_day_are_left_in_peace(evening: World, hour: int) -> None:
    member = evening.member()
    agree(evening, member)
    plan(evening, member)
    evening.clock.instant = datetime(2026, 11, 22, hour, 30, tzinfo=evening.calendar.zone).astimezone(UTC)
    assert remind(evening) == []


def test_a_reminder_waits_for_the_end_of_the_period(evening: World) -> None:
    member = evening.member()
    agree(evening, member)
    plan(evening, member, Rhythm.MONTH)
    assert remind(evening) == []
    evening.clock.forward(seconds=4 * 24 * 3600)
    assert remind(evening) == [20_000]


def test_reminders_that_are_ignored_stop_until_something_is_saved(evening: World) -> None:
    member = evening.member()
    agree(evening, member)
    plan(evening, member, Rhythm.DAY)
    for _ in range(6):
        remind(evening)
        evening.clock.forward(seconds=24 * 3600)
    assert len(remind(evening)) == KENYA.plans.ignored_max
    save(evening, member, 1000)
    evening.clock.forward(seconds=24 * 3600)
    assert len(remind(evening)) == KENYA.plans.ignored_max + 1


@pytest.mark.parametrize("country", ["KE", "UG", "RW"])
def test_every_country_suggests_amounts_its_scheme_takes(country: str) -> None:
    scheme = scheme_on(country, date(2026, 11, 22))
    for rhythm in Rhythm:
        amounts = scheme.plans.suggested_cents[rhythm]
        assert 1 <= len(amounts) <= 3
        assert all(scheme.allows(cents) for cents in amounts)
    assert scheme.plans.may_remind_at(scheme.plans.remind_at_hour)
    assert not scheme.plans.may_remind_at(3)


def test_the_fund_day_decides_and_not_the_day_of_the_server(evening: World) -> None:
    calendar = FundCalendar(evening.calendar.zone)
    # 22:30 UTC on Sunday is Monday morning in Nairobi: another week.
    late = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
    assert period_of(Rhythm.WEEK, calendar.day_of(late), STARTS).first == date(2026, 11, 23)


def test_a_month_paid_ahead_is_paid_and_arrears_are_not_this_months(evening: World) -> None:
    ahead, behind = evening.member(), evening.member()
    for member, month in ((ahead, "2026-12"), (behind, "2026-10")):
        agree(evening, member)
        plan(evening, member, Rhythm.MONTH, 5000)
        evening.call_back(evening.wallet.end(prompted(evening, member, period=month), "0"))
        evening.work("evidence")
    evening.clock.instant = datetime(2026, 11, 28, 15, 5, tzinfo=UTC)
    assert remind(evening) == [5000, 5000]
    evening.clock.instant = datetime(2026, 12, 28, 15, 5, tzinfo=UTC)
    # Only who paid for October still owes December.
    assert remind(evening) == [5000, 5000, 5000]
    with evening.sessions() as session:
        now = evening.clock.now()
        lacking = [
            plans.lacks_money(session, KENYA, evening.calendar, member.id, now=now)
            for member in (ahead, behind)
        ]
    assert lacking == [False, True]


def test_a_reminder_is_true_no_more_once_the_plan_has_ended(evening: World) -> None:
    member = evening.member()
    plan(evening, member)

    def lacks() -> bool:
        with evening.sessions() as session:
            return plans.lacks_money(session, KENYA, evening.calendar, member.id, now=evening.clock.now())

    assert lacks()
    with evening.sessions.begin() as session:
        plans.set_reminders(session, member.id, wanted=False)
    assert not lacks()
    plan(evening, member, key="hop-2")
    assert lacks()
    save(evening, member, 20_000)
    assert not lacks()
