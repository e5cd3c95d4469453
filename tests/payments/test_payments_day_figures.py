"""The figures of a day are what a plain addition, payment by payment, gives."""

import json
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.closing.control import ControlTotals, CutOff, control_totals
from payments.closing.tables import Closing
from payments.ledger.model import AccountKind, Reason
from payments.ledger.tables import LedgerAccount, LedgerPosting, LedgerTransfer
from payments.model import EvidenceChannel
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.reconciliation.view import Figure, day_totals
from payments.refunds.service import open_decided
from payments.registry_postings.tables import RegistryPosting
from payments.suspense.model import Act
from payments.wallet_lines.service import keep_lines
from payments.wallet_lines.tables import StoredLine
from payments.wallets.protocol import LineKind
from tests.payments.deciding import do, wish
from tests.payments.divisions import last_run, parts_of, split_wish
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.test_payments_closing import BY, DAY, OF, WHY, a_day, bring, end_of_day, line
from tests.payments.world import World

_INTO = {
    Reason.CREDIT: "ledger_in_cents",
    Reason.SUSPENSE: "ledger_in_cents",
    Reason.CHARGE: "ledger_charges_cents",
    Reason.SETTLEMENT: "ledger_settlements_cents",
    Reason.REVERSAL: "ledger_reversals_cents",
}


def _pay(world: World, cents: int, account: str = "WHO") -> str:
    body = world.wallet.pay_by_hand(PhoneNumber("+254733000111"), cents, account)
    world.confirm(body)
    return str(json.loads(body)["receipt"])


def _a_life_with_late_news(world: World) -> None:
    """A day closed, opened and closed again; money told around it, taken back, listed twice."""
    a_day(world)
    taken_back = _pay(world, 700)
    world.settle(minutes=1)
    later = [line(world, 900 + number, 0, balance_after=None) for number in range(4)]
    world.clock.forward(hours=11, minutes=55)
    _pay(world, 40)
    world.work("evidence")
    world.clock.forward(hours=-11, minutes=-55)
    room = end_of_day(world)
    closing = room.close_day(OF, by=BY, reason=WHY)
    bring(world, later[0])
    room.reopen(closing.id, by=BY, reason="a statement was missing")
    bring(world, later[1])
    room.close_day(OF, by=BY, reason=WHY)
    bring(world, later[2])
    world.wallet.take_back(taken_back)
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", world.wallet.lines, EvidenceChannel.PULL, now=world.clock.now())
    world.settle(minutes=1)
    bring(world, replace(world.wallet.lines[-1], row_key="the statement's own words"))
    world.clock.forward(hours=24)
    twice = line(world, 80, 0, balance_after=None)
    charge = line(world, -30, 0, balance_after=None, kind=LineKind.CHARGE)
    bring(world, later[3], charge, twice, replace(twice, row_key=f"{twice.receipt}:again"))


def _make_older(world: World, which: str) -> None:
    """Transfers from before they said what they moved on the float."""
    chosen = {"none": "false", "some": "get_byte(uuid_send(id), 15) < 128", "all": "true"}[which]
    with world.sessions.begin() as session:
        session.execute(text("ALTER TABLE ledger_transfers DISABLE TRIGGER append_only"))
        session.execute(
            text(f"UPDATE ledger_transfers SET float_id = NULL, float_cents = NULL WHERE {chosen}")  # noqa: S608 -- of constants above
        )
        session.execute(text("ALTER TABLE ledger_transfers ENABLE TRIGGER append_only"))


def _closed_for(closings: Iterable[Closing], day: date, number: int, through: str) -> bool:
    return any(
        closing.period == day.isoformat()
        and getattr(closing, through) < number <= (getattr(closing, f"reopened_{through}") or number)
        for closing in closings
    )


def _added_up(world: World, session: Session, day: date) -> dict[str, int]:
    closings = session.scalars(select(Closing).where(Closing.scope == "day")).all()
    found = dict.fromkeys(
        [*_INTO.values(), "ledger_corrections_cents", "ledger_credits", "late", "late_cents"], 0
    )
    facts = (
        select(LedgerPosting, LedgerTransfer)
        .join(LedgerTransfer, LedgerTransfer.id == LedgerPosting.transfer_id)
        .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
        .where(LedgerAccount.kind == AccountKind.WALLET_FLOAT)
    )
    for posting, transfer in session.execute(facts):
        own, told = world.calendar.day_of(transfer.occurred_at), world.calendar.day_of(transfer.recorded_at)
        placed = own
        if _closed_for(closings, own, posting.number, "postings_through"):
            placed = told
            if _closed_for(closings, told, posting.number, "postings_through"):
                placed = told + timedelta(days=1)
        if placed != day:
            continue
        found[_INTO.get(Reason(transfer.reason), "ledger_corrections_cents")] += posting.amount_cents
        found["ledger_credits"] += transfer.reason in {Reason.CREDIT, Reason.SUSPENSE}
        found["late"] += placed != own
        found["late_cents"] += posting.amount_cents if placed != own else 0
    payments: dict[str, int] = {}
    others: Counter[tuple[str, str, int, str]] = Counter()
    for row in session.scalars(select(StoredLine)):
        if world.calendar.day_of(row.at) != day or _closed_for(closings, day, row.id, "lines_through"):
            continue
        if row.kind == "credit":
            payments[row.receipt] = max(payments.get(row.receipt, row.amount_cents), row.amount_cents)
        else:
            others[row.kind, row.receipt, row.amount_cents, row.source] += 1
    # Of two lists the one that has a movement more often.
    times: Counter[tuple[str, str, int]] = Counter()
    for movement, count in others.items():
        times |= Counter({movement[:3]: count})
    found["credits_cents"] = sum(payments.values())
    kinds = {"charge": "charges_cents", "settlement": "settlements_cents"}
    for kind, name in (kinds | {"reversal": "reversals_cents", "other": "other_cents"}).items():
        found[name] = sum(count * cents for (of, _, cents), count in times.items() if of == kind)
    return found | {"lines": len(payments) + times.total()}


@pytest.mark.parametrize("older", ["none", "some", "all"])
def test_the_proof_of_every_day_is_a_plain_addition_of_its_facts_and_lines(world: World, older: str) -> None:
    _a_life_with_late_news(world)
    _make_older(world, older)
    seen: list[ControlTotals] = []
    for number in range(-1, 4):
        day = DAY + timedelta(days=number)
        with world.sessions.begin() as session:
            totals = control_totals(session, world.calendar, CutOff("mpesa", SHORTCODE, day))
            added = _added_up(world, session, day)
        assert {name: getattr(totals, name) for name in added} == added, day
        seen.append(totals)
    # None of it was empty: late facts, a reversal, charges, settlements and lines of three days.
    assert sum(each.late for each in seen) >= 2
    assert all(
        any(getattr(each, name) for each in seen) for name in ("ledger_reversals_cents", "charges_cents")
    )
    assert [each.lines > 0 for each in seen] == [False, True, True, True, False]


def test_how_far_the_money_of_a_day_has_come_is_a_plain_addition_of_its_payments(world: World) -> None:
    member = world.member()
    _pay(world, 1_000, member.number)
    _pay(world, 20, "WHO")
    world.settle(minutes=1)
    world.wallet.take_back(_pay(world, 300, member.number))
    world.settle(minutes=1)
    # Paid in the last second of the day, listed and told on the next.
    midnight = world.calendar.bounds(DAY)[1]
    world.clock.forward(seconds=(midnight - world.clock.now()).total_seconds() - 1)
    _pay(world, 4_000, member.number)
    world.settle(minutes=1)
    _pay(world, 50_000, member.number)
    world.settle(minutes=1)
    # One that the wallet never lists, one that is never read back.
    unlisted = _pay(world, 600_000, member.number)
    world.wallet.lines = [each for each in world.wallet.lines if each.receipt != unlisted]
    world.registry.forgets = 1000
    _pay(world, 7_000_000, member.number)
    world.settle(minutes=1)
    found = {}
    for number in range(2):
        day = DAY + timedelta(days=number)
        with world.sessions.begin() as session:
            totals = day_totals(session, world.calendar, day)
            assert {name: getattr(totals, name) for name in _WAY} == _how_far(world, session, day)
        found[number] = totals
    assert found[0].received == found[0].confirmed == Figure(3, 5_020)
    assert found[0].posted == found[0].acknowledged == Figure(2, 5_000)
    assert found[0].suspense == Figure(1, 20)
    assert found[1].received == Figure(3, 7_650_000)
    assert found[1].confirmed == found[1].posted == Figure(2, 7_050_000)
    assert found[1].acknowledged == Figure(1, 50_000)


@pytest.mark.parametrize("paid_out", [False, True])
def test_what_is_given_back_waits_no_more_and_what_was_written_off_never_came(
    world: World, *, paid_out: bool
) -> None:
    """Every cent received is at the registry, waits at one step, or was given back: whole payments, one that
    the registry had heard of, and the rest of one that was divided.
    """
    member = world.member()
    _pay_twice(world, member, 3_000)
    back, divided = (_in_suspense(world, cents) for cents in (500, 120_000))
    do(world, split_wish(divided, (member, 50_000)))
    for receipt in (back, parts_of(world, divided)[-1]):
        do(world, wish(Act.REFUND, receipt))
    never_came = _pay(world, 9_000_000)
    world.wallet.lines = [each for each in world.wallet.lines if each.receipt != never_came]
    world.settle(minutes=2)
    world.pull()
    do(world, wish(Act.WRITE_OFF, break_id=_difference(world, "not_on_statement")))
    _in_suspense(world, 20)
    if paid_out:
        _pay_out(world)
    world.settle(minutes=1)
    run = last_run(world)
    with world.sessions.begin() as session:
        totals = day_totals(session, world.calendar, DAY)
        assert {name: getattr(totals, name) for name in _WAY} == _how_far(world, session, DAY)
    assert totals.received == totals.confirmed == Figure(6, 126_520)
    assert totals.given_back == Figure(3, 73_500)
    assert totals.posted == totals.acknowledged == Figure(2, 53_000)
    assert totals.suspense == Figure(1, 20)
    for name in ("received", "confirmed", "posted", "acknowledged"):
        assert Figure(getattr(run, name), getattr(run, f"{name}_cents")) == getattr(totals, name), name


def _in_suspense(world: World, cents: int) -> Receipt:
    code = _pay(world, cents)
    world.settle(minutes=1)
    return next(receipt for receipt in world.receipts() if receipt.receipt == code)


def _difference(world: World, kind: str) -> uuid.UUID:
    world.reconcile()
    with world.sessions.begin() as session:
        return session.scalars(select(Break.id).where(Break.break_class == kind)).one()


def _pay_twice(world: World, member: MemberRow, cents: int) -> None:
    """Paid twice, told to the registry, and one of the two asked back."""
    body = world.wallet.pay_by_hand(PhoneNumber(member.phone), cents, member.number)
    world.confirm(body)
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), cents, member.number))
    world.settle(minutes=1)
    assert world.proof().acknowledged == 2
    world.write("refund_wish", member, json.loads(body)["receipt"])
    world.work()


def _pay_out(world: World) -> None:
    with world.sessions.begin() as session:
        assert open_decided(session, now=world.clock.now()) == 2
    world.work()
    world.hear_of_orders()
    world.work()
    assert world.proof().refunds_payable_cents == 0


def test_a_difference_that_the_fund_bears_was_confirmed_when_it_is_posted(world: World) -> None:
    member = world.member()
    body = json.loads(world.wallet.pay_by_hand(PhoneNumber(member.phone), 4_000, member.number))
    world.confirm(json.dumps(body | {"amount_cents": 5_000}))
    world.settle(minutes=1)
    do(world, wish(Act.WRITE_OFF, break_id=_difference(world, "amount_differs")))
    world.settle(minutes=5)
    run = last_run(world)
    with world.sessions.begin() as session:
        totals = day_totals(session, world.calendar, DAY)
    assert totals.received == totals.confirmed == totals.acknowledged == Figure(1, 5_000)
    assert (run.confirmed, run.confirmed_cents, run.acknowledged) == (1, 5_000, 1)


_WAY = ("received", "confirmed", "given_back", "posted", "acknowledged", "suspense")
_NOWHERE = {"split", "rejoined", "written_off"}


def _how_far(world: World, session: Session, day: date) -> dict[str, Figure]:
    came: dict[str, list[int]] = {name: [] for name in _WAY}
    for receipt in session.scalars(select(Receipt).where(Receipt.reversed_at.is_(None))):
        if world.calendar.day_of(receipt.paid_at) != day or receipt.staff_place in _NOWHERE:
            continue
        posting = session.get(RegistryPosting, receipt.id)
        whole = session.get_one(Receipt, receipt.part_of or receipt.id)
        listed = select(StoredLine.id).where(
            StoredLine.receipt == whole.receipt, StoredLine.amount_cents == whole.amount_cents
        )
        is_confirmed = session.scalar(listed.limit(1)) is not None
        is_refunded = receipt.staff_place == "refund"
        state = posting.state if posting and not is_refunded else ""
        for name, is_so in (
            ("received", True),
            ("confirmed", is_confirmed),
            ("given_back", is_confirmed and is_refunded),
            ("posted", state in {"posted", "acknowledged"}),
            ("acknowledged", state == "acknowledged"),
            ("suspense", receipt.member_id is None and not is_refunded),
        ):
            if is_so:
                came[name].append(receipt.amount_cents)
    return {name: Figure(len(cents), sum(cents)) for name, cents in came.items()}
