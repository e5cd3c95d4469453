"""A day opens with what the day before ended with, or its proof does not hold: lists cut off show."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select, text

from core.audit import AuditEntry
from core.money import Money
from payments.closing.control import control_totals
from payments.closing.queries import BALANCES_AT, LAST_BALANCE, MOVED_SINCE
from payments.closing.report import report_lines
from payments.closing.service import Closings, NotToClose, still_says
from payments.closing.tables import Closing
from payments.model import EvidenceChannel
from payments.reconciliation.service import reconcile
from payments.wallet_lines.service import keep_lines
from payments.wallets.protocol import LineKind, WalletLine
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.test_payments_closing import BY, DAY, OF, WHY, bring, line, report, totals
from tests.payments.world import World

NEXT = replace(OF, day=DAY + timedelta(days=1))
THIRD = replace(OF, day=DAY + timedelta(days=2))


def at(world: World, day: date, clock: str) -> datetime:
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    since = timedelta(hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)
    return world.calendar.bounds(day)[0] + since


def rows(world: World, day: date, *told: tuple[str, int, int]) -> list[WalletLine]:
    """Time, movement, balance after it; money out goes to the bank."""
    return [
        line(world, cents, balance, at=at(world, day, clock), kind=LineKind.CREDIT if cents > 0 else OUT)
        for clock, cents, balance in told
    ]


OUT = LineKind.SETTLEMENT
# 1,000 before; 100 in by day, 300 out two minutes before midnight; the next day begins with 800.
EVENING = (("10:00", 10_000, 110_000), ("23:58", -30_000, 80_000))
MORNING = (("08:00", 5_000, 85_000), ("09:00", 1_000, 86_000))


def bring_of(world: World, day: date, *lines: WalletLine) -> None:
    """Lines up to the end of a day, brought soon after it or, when that is long ago, now."""
    end = at(world, day, "24:05")
    world.clock.forward(seconds=max(0, (end - world.clock.now()).total_seconds()))
    bring(world, *lines)


def list_of(world: World, day: date, *told: tuple[str, int, int]) -> None:
    bring_of(world, day, *rows(world, day, *told))


def compared(world: World, *days: date) -> Closings:
    """These days compared, and what closes them."""
    world.clock.forward(minutes=10)
    for day in days:
        with world.sessions.begin() as session:
            reconcile(
                session, world.calendar, wallet="mpesa", shortcode=SHORTCODE, day=day, now=world.clock.now()
            )
    return Closings(world.sessions, world.clock, world.calendar)


def test_a_day_that_opens_with_what_the_day_before_ended_with_is_proven(world: World) -> None:
    list_of(world, DAY, *EVENING)
    list_of(world, NEXT.day, *MORNING)
    found = totals(world, NEXT)
    assert (found.follows_day, found.follows_cents, found.opening_gap_cents) == (DAY, 80_000, 0)
    assert found.holds
    first = totals(world)
    assert (first.follows_day, first.follows_cents, first.opening_gap_cents) == (None, None, None)
    assert first.holds


def test_money_that_left_after_the_end_of_a_cut_list_is_missing_between_two_days(world: World) -> None:
    list_of(world, DAY, EVENING[0])
    list_of(world, NEXT.day, *MORNING)
    assert totals(world).holds
    found = totals(world, NEXT)
    assert (found.gap_cents, found.ledger_gap_cents, found.adds_up) == (0, 0, True)
    assert (found.follows_cents, found.opening_cents, found.opening_gap_cents) == (110_000, 80_000, -30_000)
    assert not found.holds


def test_a_day_that_does_not_follow_is_closed_only_with_a_reason_and_the_act_says_so(world: World) -> None:
    list_of(world, DAY, EVENING[0])
    list_of(world, NEXT.day, *MORNING)
    room = compared(world, DAY, NEXT.day)
    room.close_day(OF, by=BY)
    with pytest.raises(NotToClose, match="does not follow"):
        room.close_day(NEXT, by=BY)
    closing = room.close_day(NEXT, by=BY, reason=WHY)
    assert closing.figures["holds"] is False
    assert closing.figures["follows_day"] == DAY.isoformat()
    said = report(world, NEXT).decode().splitlines()
    assert {"follows_cents,110000", "opening_gap_cents,-30000", "holds,no"} <= set(said)
    with world.sessions.begin() as session:
        *_, entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "closing.closed").order_by(AuditEntry.number)
        )
        assert still_says(session, world.calendar, closing)
    assert (entry.details["opening_gap_cents"], entry.details["holds"]) == (-30_000, False)


def test_a_day_that_fails_by_itself_is_told_so_first(world: World) -> None:
    list_of(world, DAY, EVENING[0])
    list_of(world, NEXT.day, MORNING[0], ("09:00", 1_000, 99_000))
    room = compared(world, DAY, NEXT.day)
    with pytest.raises(NotToClose, match="proof fails"):
        room.close_day(NEXT, by=BY)


def test_days_without_lines_between_carry_the_balance(world: World) -> None:
    list_of(world, DAY, *EVENING)
    later = replace(OF, day=DAY + timedelta(days=40))
    list_of(world, later.day, *MORNING)
    found = totals(world, later)
    assert (found.follows_day, found.opening_gap_cents, found.holds) == (DAY, 0, True)


def test_payments_that_only_a_pull_listed_since_are_counted_once(world: World) -> None:
    """Of the evening a pull lists what the statement has too, and one payment more; then a day of pulls."""
    first, last = rows(world, DAY, ("10:00", 10_000, 110_000), ("23:40", 2_000, 112_000))
    only = rows(world, DAY, ("23:55", 700, 0)) + rows(world, NEXT.day, ("12:00", 300, 0))
    bring_of(world, DAY, first, last)
    pulled = [
        replace(each, row_key=f"{each.receipt}:pull", balance_after=None) for each in (first, last, *only)
    ]
    pulled[1] = replace(pulled[1], at=last.at + timedelta(seconds=40))
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", pulled, EvidenceChannel.PULL, now=world.clock.now())
    list_of(world, THIRD.day, ("08:00", 5_000, 118_000))
    found = totals(world, THIRD)
    assert (found.follows_day, found.follows_cents, found.opening_gap_cents) == (NEXT.day, 113_000, 0)


def test_a_reversal_on_two_lists_is_counted_once_in_its_day_and_in_what_the_next_opens_with(
    world: World,
) -> None:
    """Two of one code and amount within a statement are two: its balances say so."""
    first, back = rows(world, DAY, ("10:00", 10_000, 110_000), ("23:58", -4_000, 106_000))
    back = replace(back, kind=LineKind.REVERSAL)
    others = [
        replace(each, receipt=back.receipt, kind=LineKind.OTHER, row_key=f"{back.receipt}:{number}")
        for number, each in enumerate(
            rows(world, DAY, ("23:58", -4_000, 102_000), ("23:58", -4_000, 98_000), ("23:58", -700, 97_300))
        )
    ]
    bring_of(world, DAY, first, back, *others)
    pulled = [
        replace(each, row_key=f"{each.row_key}:pull", balance_after=None)
        for each in (first, back, others[0], others[2])
    ]
    pulled[1] = replace(pulled[1], at=back.at + timedelta(seconds=40))
    only = rows(world, DAY, ("23:59", -500, 0))[0]
    pulled.append(replace(only, kind=LineKind.REVERSAL, balance_after=None))
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", pulled, EvidenceChannel.PULL, now=world.clock.now())
    list_of(world, NEXT.day, ("08:00", 5_000, 101_800))
    found = totals(world)
    assert (found.reversals_cents, found.other_cents, found.lines) == (-4_500, -8_700, 6)
    # What only the pull has came after the last balance.
    assert (found.statement_cents, found.gap_cents) == (97_300, 500)
    found = totals(world, NEXT)
    assert (found.follows_cents, found.opening_gap_cents) == (96_800, 0)


def test_where_no_list_tells_a_balance_nothing_is_held_against_another_day(world: World) -> None:
    list_of(world, DAY, *EVENING)
    told = [replace(each, balance_after=None) for each in rows(world, NEXT.day, *MORNING)]
    bring_of(world, NEXT.day, *told)
    found = totals(world, NEXT)
    assert (found.opening_cents, found.follows_cents, found.gap_cents) == (None, None, None)
    assert "follows_cents" not in found.as_dict()


def test_another_shortcodes_balance_is_not_the_one_that_a_day_follows(world: World) -> None:
    list_of(world, DAY, *EVENING)
    other = [replace(each, shortcode="999999") for each in rows(world, DAY, ("23:59", 100, 5_000))]
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", other, EvidenceChannel.STATEMENT, now=world.clock.now())
    list_of(world, NEXT.day, *MORNING)
    assert totals(world, NEXT).follows_cents == 80_000


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_lines_of_the_last_second_the_end_of_their_chain_is_followed(
    world: World, order: tuple[int, ...]
) -> None:
    made = rows(
        world, DAY, ("23:59:59", 5_000, 105_000), ("23:59:59", -30_000, 75_000), ("23:59:59", 5_000, 80_000)
    )
    bring_of(world, DAY, *(made[place] for place in order))
    list_of(world, NEXT.day, *MORNING)
    assert (totals(world, NEXT).follows_cents, totals(world, NEXT).holds) == (80_000, True)


def test_where_the_last_second_shows_no_end_an_earlier_balance_and_what_moved_since_are_followed(
    world: World,
) -> None:
    """In and out again within a second: each of the two may have been the last."""
    last = (("23:59", 500, 80_500), ("23:59", -500, 80_000))
    list_of(world, DAY, *EVENING, *last)
    list_of(world, NEXT.day, *MORNING)
    assert totals(world).statement_cents is None
    assert (totals(world, NEXT).follows_cents, totals(world, NEXT).holds) == (80_000, True)


def _closed_short(world: World) -> tuple[Closings, Closing]:
    """The day is closed with a list that ends before the money left."""
    list_of(world, DAY, EVENING[0])
    room = compared(world, DAY)
    return room, room.close_day(OF, by=BY)


def test_late_lines_that_tell_what_was_missing_join_the_days_and_change_no_closed_one(world: World) -> None:
    _, closing = _closed_short(world)
    before = report(world)
    list_of(world, DAY, EVENING[1])
    list_of(world, NEXT.day, *MORNING)
    assert (totals(world, NEXT).follows_cents, totals(world, NEXT).holds) == (80_000, True)
    assert report(world) == before
    with world.sessions.begin() as session:
        assert still_says(session, world.calendar, closing)


def test_late_lines_with_rows_cut_out_before_them_do_not_join_the_days(world: World) -> None:
    """300 left at 23:58 and 1 at 23:59; the late list has only the last, with the balance after both."""
    _closed_short(world)
    list_of(world, DAY, ("23:59", -100, 79_900))
    list_of(world, NEXT.day, ("08:00", 5_000, 84_900))
    found = totals(world, NEXT)
    assert (found.follows_cents, found.opening_gap_cents, found.holds) == (109_900, -30_000, False)


def test_late_lines_of_the_middle_of_a_closed_day_do_not_move_its_end(world: World) -> None:
    told = rows(world, DAY, ("10:00", 10_000, 110_000), ("12:00", 700, 110_700), ("14:00", 300, 111_000))
    bring_of(world, DAY, told[0], told[2])
    room = compared(world, DAY)
    room.close_day(OF, by=BY, reason=WHY)
    bring_of(world, DAY, told[1])
    list_of(world, NEXT.day, ("08:00", 500, 111_500))
    assert (totals(world, NEXT).follows_cents, totals(world, NEXT).holds) == (111_000, True)


def test_a_day_closed_without_a_statement_is_passed_by_what_moved_on_it(world: World) -> None:
    list_of(world, DAY - timedelta(days=1), ("10:00", 10_000, 100_000))
    pulled = [replace(each, balance_after=None) for each in rows(world, DAY, ("11:00", 10_000, 0))]
    bring_of(world, DAY, *pulled)
    room = compared(world, DAY)
    room.close_day(OF, by=BY, reason=WHY)
    # Its statement comes late: the payment once more, and what went to the bank.
    twin = replace(pulled[0], row_key=f"{pulled[0].receipt}:stated", balance_after=Money(110_000))
    bring_of(world, DAY, twin, *rows(world, DAY, ("23:58", -30_000, 80_000)))
    list_of(world, NEXT.day, *MORNING)
    assert (totals(world, NEXT).follows_cents, totals(world, NEXT).holds) == (80_000, True)


def test_what_a_closed_day_follows_stays_whatever_the_day_before_becomes(world: World) -> None:
    list_of(world, DAY, EVENING[0])
    list_of(world, NEXT.day, *MORNING)
    room = compared(world, DAY, NEXT.day)
    day = room.close_day(OF, by=BY)
    closing = room.close_day(NEXT, by=BY, reason=WHY)
    before = report(world, NEXT)
    list_of(world, DAY, ("23:57", 40, 110_040))
    assert report(world, NEXT) == before
    room.reopen(day.id, by=BY, reason="a statement was missing")
    list_of(world, DAY, EVENING[1])
    assert report(world, NEXT) == before
    room.close_day(OF, by=BY, reason=WHY)
    assert report(world, NEXT) == before
    with world.sessions.begin() as session:
        assert still_says(session, world.calendar, closing)


def test_the_report_of_a_day_closed_before_days_were_held_against_each_other_stays(world: World) -> None:
    list_of(world, DAY, EVENING[0])
    list_of(world, NEXT.day, *MORNING)
    room = compared(world, DAY, NEXT.day)
    room.close_day(NEXT, by=BY, reason=WHY)
    with world.sessions.begin() as session:
        closing = session.scalars(select(Closing)).one()
        names = ("follows_day", "follows_cents", "opening_gap_cents")
        closing.figures = {name: value for name, value in closing.figures.items() if name not in names}
        closing.figures |= {"holds": True}
        session.flush()
        said = b"".join(report_lines(session, world.calendar, NEXT)).decode()
        assert "follows" not in said
        assert "opening_gap" not in said
        assert "holds,yes" in said
        assert control_totals(session, world.calendar, NEXT).holds


# A month of lines, one every 26 seconds.
_MONTH_OF_LINES = """
INSERT INTO wallet_lines (wallet, shortcode, row_key, receipt, kind, amount_cents, currency,
                          balance_after_cents, source, at, seen_at)
SELECT 'mpesa', :shortcode, 'SKM' || n, 'SKM' || n, 'credit', 100, 'KES', n * 100,
       'statement', CAST(:begin AS timestamptz) + n * interval '26 seconds', now()
FROM generate_series(1, 100000) n
"""


def test_what_a_day_follows_is_found_without_reading_the_list_of_the_days_before(world: World) -> None:
    day = DAY + timedelta(days=29)
    start = at(world, day, "00:00")
    with world.sessions.begin() as session:
        session.execute(text(_MONTH_OF_LINES), {"shortcode": SHORTCODE, "begin": at(world, DAY, "00:00")})
        session.execute(text("SELECT brin_summarize_new_values('ix_wallet_lines_at')"))
        session.execute(text("ANALYZE wallet_lines"))
    known = {"wallet": "mpesa", "shortcode": SHORTCODE, "day_start": start, "lines_through": 10**9}
    known |= {"zone": world.calendar.zone.key, "at": start - timedelta(seconds=26)}
    begin = start - timedelta(minutes=10)
    with world.sessions.begin() as session:
        for asked, times in (
            (LAST_BALANCE, {"stretch_start": begin, "stretch_end": start}),
            (BALANCES_AT, {}),
            (MOVED_SINCE, {"margin_start": begin}),
        ):
            plan = "\n".join(session.scalars(text(f"EXPLAIN {asked.text}"), known | times))
            assert "ix_wallet_lines_at" in plan
            assert "Seq Scan on wallet_lines" not in plan
