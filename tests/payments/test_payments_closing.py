"""Cut-offs: totals are proven, every fact counts once, a closed day stays as it was to the byte."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text

from core.audit import AuditEntry
from core.database import advisory_lock
from core.ids import new_id
from core.money import Money
from core.phone import PhoneNumber
from payments.closing.control import ControlTotals, CutOff, control_totals, fact_parameters
from payments.closing.queries import FACTS
from payments.closing.report import digest_of, report_lines
from payments.closing.service import Closings, NotToClose, closings, in_force, still_says
from payments.closing.tables import Closing
from payments.closing.view import recent_days
from payments.model import BreakClass, EvidenceChannel
from payments.reconciliation.service import reconcile
from payments.reconciliation.tables import Break
from payments.statements import import_statement
from payments.suspense.deciding import decide
from payments.suspense.model import Act, Wish
from payments.wallet_lines.service import keep_lines
from payments.wallets.protocol import LineKind, WalletLine
from payments.wallets.statements import Statement, WholeStatement
from tests.databases import is_kept_waiting
from tests.end_to_end.waiting import wait_for
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.world import PULL_DELAY, START, World

DAY = date(2026, 11, 22)
OF = CutOff("mpesa", SHORTCODE, DAY)
BY = "staff:closer"
WHY = "the wallet has no statement yet"


def line(
    world: World, cents: int, balance: int, *, kind: LineKind = LineKind.CREDIT, **other: object
) -> WalletLine:
    """One line of a statement that came by no message."""
    name = f"SKS{len(_made):07d}"
    _made.append(name)
    made = WalletLine(
        shortcode=SHORTCODE,
        receipt=name,
        row_key=f"{name}:{kind}",
        kind=kind,
        amount=Money(cents),
        at=world.clock.now() + timedelta(seconds=len(_made)),
        account="WHO",
        balance_after=Money(balance),
    )
    return replace(made, **other)  # type: ignore[arg-type]  # names of the same class


_made: list[str] = []


def bring(world: World, *lines: WalletLine) -> None:
    listed = WholeStatement(Statement(SHORTCODE, lines, ()))
    import_statement(world.sessions, world.clock, "mpesa", listed, pull_delay=PULL_DELAY)


def a_day(world: World) -> None:
    """Opening 1,000; 80 in, 3 charged, 500 to the bank: closing 577."""
    bring(
        world,
        line(world, 5_000, 105_000),
        line(world, 3_000, 108_000),
        line(world, -300, 107_700, kind=LineKind.CHARGE),
        line(world, -50_000, 57_700, kind=LineKind.SETTLEMENT),
    )


def totals(world: World, of: CutOff = OF) -> ControlTotals:
    with world.sessions.begin() as session:
        return control_totals(session, world.calendar, of)


def report(world: World, of: CutOff = OF) -> bytes:
    with world.sessions.begin() as session:
        return b"".join(report_lines(session, world.calendar, of))


def end_of_day(world: World, hours: int = 21) -> Closings:
    """The next morning, with the day compared."""
    world.clock.forward(hours=hours)
    with world.sessions.begin() as session:
        reconcile(
            session, world.calendar, wallet="mpesa", shortcode=SHORTCODE, day=DAY, now=world.clock.now()
        )
    return Closings(world.sessions, world.clock, world.calendar)


def test_opening_and_all_movements_make_the_statements_balance(world: World) -> None:
    a_day(world)
    found = totals(world)
    assert (found.opening_cents, found.credits_cents, found.charges_cents) == (100_000, 8_000, -300)
    assert (found.settlements_cents, found.statement_cents) == (-50_000, 57_700)
    assert found.computed_cents == 57_700
    assert found.ledger_moved_cents == -42_300
    assert found.holds


def test_a_line_that_the_statement_left_out_breaks_the_proof(world: World) -> None:
    bring(world, line(world, 5_000, 105_000), line(world, 3_000, 109_000))
    assert totals(world).gap_cents == 1_000
    assert not totals(world).holds


def test_money_that_only_the_ledger_has_breaks_the_proof(world: World) -> None:
    a_day(world)
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 700, "WHO"))
    world.work("evidence")
    assert totals(world).ledger_gap_cents == -700


def test_without_a_statement_there_are_no_balances_and_no_proof(world: World) -> None:
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 700, "WHO"))
    world.settle(minutes=1)
    found = totals(world)
    assert (found.opening_cents, found.statement_cents, found.gap_cents) == (None, None, None)
    assert (found.credits_cents, found.ledger_gap_cents) == (700, 0)
    assert not found.holds


def test_lines_of_one_second_in_any_order_give_the_same_balances(world: World) -> None:
    at = world.clock.now()
    lines = [
        line(world, 5_000, 105_000, at=at),
        line(world, 3_000, 108_000, at=at),
        line(world, 100, 108_100, at=at),
    ]
    bring(world, *reversed(lines))
    assert (totals(world).opening_cents, totals(world).statement_cents) == (100_000, 108_100)


def test_a_day_is_closed_once_it_is_over_and_compared(world: World) -> None:
    a_day(world)
    room = Closings(world.sessions, world.clock, world.calendar)
    with pytest.raises(NotToClose, match="still runs"):
        room.close_day(OF, by=BY)
    world.clock.forward(hours=21)
    with pytest.raises(NotToClose, match="not compared"):
        room.close_day(OF, by=BY)
    world.clock.forward(hours=-21)
    closing = end_of_day(world).close_day(OF, by=BY)
    assert closing.figures["holds"] is True
    assert closing.figures["open_suspense"] == 2
    with pytest.raises(NotToClose, match="closed already"):
        room.close_day(OF, by=BY)
    with world.sessions.begin() as session:
        assert in_force(session, "mpesa", SHORTCODE, "day", DAY.isoformat()) is not None
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "closing.closed")).one()
    assert entry.details["digest"] == closing.digest


def test_a_day_whose_proof_fails_is_closed_only_with_a_reason(world: World) -> None:
    bring(world, line(world, 5_000, 105_000), line(world, 3_000, 109_000))
    room = end_of_day(world)
    with pytest.raises(NotToClose, match="proof fails"):
        room.close_day(OF, by=BY)
    with world.sessions.begin() as session:
        assert closings(session, "mpesa", SHORTCODE) == []
    assert room.close_day(OF, by=BY, reason=WHY).reason == WHY


def test_later_facts_count_for_the_open_day_and_say_where_they_belong(world: World) -> None:
    a_day(world)
    late = line(world, 900, 58_600)
    room = end_of_day(world)
    closing = room.close_day(OF, by=BY)
    before = report(world)
    world.clock.forward(minutes=1)
    bring(world, late)
    assert report(world) == before
    with world.sessions.begin() as session:
        assert still_says(session, world.calendar, closing)
    today = totals(world, CutOff("mpesa", SHORTCODE, DAY + timedelta(days=1)))
    assert (today.ledger_in_cents, today.late, today.late_cents) == (900, 1, 900)
    assert today.ledger_gap_cents == 0
    assert f",{DAY}".encode() in report(world, CutOff("mpesa", SHORTCODE, DAY + timedelta(days=1)))
    with world.sessions.begin() as session:
        reconcile(
            session, world.calendar, wallet="mpesa", shortcode=SHORTCODE, day=DAY, now=world.clock.now()
        )
        found = session.scalars(select(Break).where(Break.break_class == BreakClass.LATE_ACROSS_CUTOFF)).one()
    assert (found.subject, found.state) == (late.receipt, "resolved")


def test_every_credit_belongs_to_exactly_one_cut_off(world: World) -> None:
    """Over closings, late facts, a reopening and more late facts."""
    a_day(world)
    later = [line(world, 900 + number, 0, balance_after=None) for number in range(4)]
    room = end_of_day(world)
    closing = room.close_day(OF, by=BY)
    bring(world, later[0])
    room.reopen(closing.id, by=BY, reason="a statement was missing")
    bring(world, later[1])
    again = room.close_day(OF, by=BY, reason=WHY)
    bring(world, later[2])
    world.clock.forward(hours=24)
    bring(world, later[3])
    days = [CutOff("mpesa", SHORTCODE, DAY + timedelta(days=number)) for number in range(-2, 5)]
    with world.sessions.begin() as session:
        placed = [
            (row.number, of.day)
            for of in days
            for row in session.execute(FACTS, fact_parameters(session, world.calendar, of))
        ]
        numbers = session.scalars(
            text(
                "SELECT p.number FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id "
                "WHERE a.kind = 'wallet_float' ORDER BY 1"
            )
        ).all()
        assert still_says(session, world.calendar, again)
    assert sorted(number for number, _ in placed) == list(numbers)
    days_of = [day for _, day in sorted(placed)]
    next_day, third = DAY + timedelta(days=1), DAY + timedelta(days=2)
    assert days_of == [DAY] * 4 + [next_day, DAY, next_day, third]


def test_what_staff_write_off_counts_for_its_day_while_that_is_open(world: World) -> None:
    a_day(world)
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 700, "WHO"))
    world.work("evidence")
    # No list was read in full: by noon there should have been one.
    room = end_of_day(world, hours=24)
    with world.sessions.begin() as session:
        found = session.scalars(select(Break).where(Break.break_class == BreakClass.NOT_ON_STATEMENT)).one()
        wish = Wish(uuid.uuid4(), Act.WRITE_OFF, "the wallet never had it", break_id=found.id)
        decide(session, wish, maker=BY, limit_cents=10**9, now=world.clock.now())
    assert totals(world).holds
    assert room.close_day(OF, by=BY).figures["ledger_corrections_cents"] == -700


def test_a_closed_report_is_the_same_bytes_every_time(world: World) -> None:
    a_day(world)
    closing = end_of_day(world).close_day(OF, by=BY)
    first = report(world)
    for _ in range(3):
        world.clock.forward(hours=5)
        bring(world, line(world, 1, 0, balance_after=None, at=START))
        assert report(world) == first
        assert digest_of(iter([first])) == closing.digest


def test_a_month_is_closed_over_its_days_and_guards_them(world: World) -> None:
    a_day(world)
    world.clock.forward(days=15)
    room = Closings(world.sessions, world.clock, world.calendar)
    with pytest.raises(NotToClose, match="days open"):
        room.close_month("mpesa", SHORTCODE, "2026-11", by=BY)
    for number in range(1, 31):
        of = replace(OF, day=date(2026, 11, number))
        with world.sessions.begin() as session:
            reconcile(
                session,
                world.calendar,
                wallet="mpesa",
                shortcode=SHORTCODE,
                day=of.day,
                now=world.clock.now(),
            )
        closed = room.close_day(of, by=BY, reason=WHY)
    month = room.close_month("mpesa", SHORTCODE, "2026-11", by=BY)
    assert month.figures["credits_cents"] == 8_000
    assert len(month.figures["days"]) == 30
    with world.sessions.begin() as session:
        assert still_says(session, world.calendar, month)
    with pytest.raises(NotToClose, match="month closed"):
        room.reopen(closed.id, by=BY, reason="one more statement came")
    room.reopen(month.id, by=BY, reason="one more statement came")
    assert room.reopen(closed.id, by=BY, reason="one more statement came").reopened_by == BY
    with pytest.raises(NotToClose, match="open already"):
        room.reopen(closed.id, by=BY, reason="one more statement came")
    for month_text in ("2026-13", "november", "2026-11-22"):
        with pytest.raises(NotToClose, match="no month"):
            room.close_month("mpesa", SHORTCODE, month_text, by=BY)


def test_reopening_needs_a_reason(world: World) -> None:
    a_day(world)
    room = end_of_day(world)
    closing = room.close_day(OF, by=BY)
    with pytest.raises(NotToClose, match="no reason"):
        room.reopen(closing.id, by=BY, reason="oops")
    with world.sessions.begin() as session:
        assert session.get_one(Closing, closing.id).reopened_at is None


def test_a_list_read_twice_is_added_up_once(world: World) -> None:
    a_day(world)
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", world.wallet.lines, EvidenceChannel.PULL, now=world.clock.now())
    before = totals(world)
    world.work()
    assert totals(world) == before


def meanwhile(act: Callable[[], object]) -> tuple[threading.Thread, list[NotToClose]]:
    """`act` on another thread, and why it could not be done once that is over."""
    refused: list[NotToClose] = []

    def run() -> None:
        try:
            act()
        except NotToClose as error:
            refused.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, refused


def test_a_day_is_not_opened_again_while_its_month_is_being_closed(world: World) -> None:
    a_day(world)
    room = end_of_day(world)
    day = room.close_day(OF, by=BY)
    with world.sessions() as session, advisory_lock(session, f"closing:mpesa:{SHORTCODE}"):
        # As somebody who closes the month does, once all of its days were seen closed.
        month = Closing(id=uuid.uuid4(), scope="month", period="2026-11", **_like(day))
        session.add(month)
        session.flush()
        opening, refused = meanwhile(lambda: room.reopen(day.id, by=BY, reason="one more statement came"))
        wait_for(lambda: is_kept_waiting(session), "the opening to wait", seconds=30)
        session.commit()
        opening.join()
    assert [error.why for error in refused] == ["month_closed"]
    with world.sessions.begin() as session:
        assert in_force(session, "mpesa", SHORTCODE, "day", DAY.isoformat()) is not None


def test_payments_are_credited_while_a_closing_waits_for_a_statement_to_be_kept(world: World) -> None:
    a_day(world)
    room = end_of_day(world)
    late = line(world, 100, 57_800)
    with world.sessions() as importing:
        keep_lines(importing, "mpesa", [late], EvidenceChannel.STATEMENT, now=world.clock.now())
        closing, refused = meanwhile(lambda: room.close_day(OF, by=BY))
        wait_for(lambda: is_kept_waiting(importing), "the closing to wait", seconds=30)
        with world.sessions.begin() as crediting:
            # What crediting a payment needs; it is not to be had at once while a closing holds the ledger.
            crediting.execute(text("LOCK TABLE ledger_postings IN ROW EXCLUSIVE MODE NOWAIT"))
        importing.commit()
        closing.join()
    assert refused == []


def _like(closing: Closing) -> dict[str, object]:
    names = ("wallet", "shortcode", "closed_at", "closed_by", "reason", "postings_through", "lines_through")
    return {name: getattr(closing, name) for name in names} | {"figures": {}, "digest": ""}


def test_a_day_shows_the_open_differences_of_its_own_account_only(world: World) -> None:
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 700, "WHO"))
    world.settle(minutes=1)
    world.reconcile()
    with world.sessions.begin() as session:
        [ours] = session.scalars(select(Break))
        names = [column.name for column in Break.__table__.columns if column.name not in {"id", "receipt_id"}]
        alike = {name: getattr(ours, name) for name in names}
        session.add(Break(id=new_id(), **alike | {"wallet": "airtel"}))
        session.add(Break(id=new_id(), **alike | {"shortcode": "999999"}))
        session.flush()
        [day] = recent_days(session, world.calendar, wallet="mpesa", shortcode=SHORTCODE, until=DAY, days=7)
    assert day.breaks_open == 1
