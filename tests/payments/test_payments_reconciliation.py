"""A day reconciled: every difference between wallet, ledger and registry is found, shown and resolved."""

import json
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from core.money import Money
from core.outbox import Task
from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.model import BreakClass, EvidenceChannel
from payments.reconciliation.proof import break_evidence
from payments.reconciliation.tables import Break, ReconciliationRun
from payments.reconciliation.view import (
    BreakSummary,
    DayTotals,
    Figure,
    day_totals,
    find_break,
    last_run,
    open_breaks,
    summary,
)
from payments.suspense.model import Act
from payments.wallet_lines.service import keep_lines
from payments.wallets.protocol import Unknown
from tests.payments.deciding import do, wish
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.world import START, World


def _pay(world: World, member: MemberRow, cents: int = 5000) -> str:
    body = world.wallet.pay_by_hand(PhoneNumber(member.phone), cents, member.number)
    world.confirm(body)
    return str(json.loads(body)["receipt"])


def _breaks(world: World) -> list[BreakSummary]:
    world.reconcile()
    with world.sessions.begin() as session:
        of_day = select(Break).where(Break.day == world.calendar.day_of(START))
        return [summary(row) for row in session.scalars(of_day.order_by(Break.first_seen, Break.id))]


def _open(world: World) -> list[tuple[str, str]]:
    return sorted((found.break_class, found.subject) for found in _breaks(world) if found.is_open)


def _totals(world: World) -> DayTotals:
    with world.sessions.begin() as session:
        return day_totals(session, world.calendar, world.calendar.day_of(START))


def test_a_clean_day_has_no_breaks_and_equal_totals(world: World) -> None:
    for _ in range(3):
        _pay(world, world.member())
    world.settle(minutes=20)
    assert _breaks(world) == []
    totals = _totals(world)
    all_three = Figure(3, 15000)
    assert (totals.received, totals.confirmed, totals.posted, totals.acknowledged) == (all_three,) * 4
    assert (totals.suspense, totals.unknown) == (Figure(), Figure())
    with world.sessions.begin() as session:
        run = last_run(session, "mpesa", SHORTCODE, world.calendar.day_of(START))
    assert run is not None
    assert (run.received_cents, run.wallet_lines, run.wallet_in_cents, run.wallet_out_cents) == (
        15000,
        3,
        15000,
        0,
    )


def test_an_empty_day_is_all_zero(world: World) -> None:
    assert _breaks(world) == []
    assert _totals(world).received == Figure(0, 0)


def test_what_is_on_its_way_is_no_break(world: World) -> None:
    _pay(world, world.member())
    world.prompted(world.member())
    world.work("evidence")
    assert _breaks(world) == []


def test_a_credit_that_the_wallet_does_not_list_is_a_forgery_suspect(world: World) -> None:
    receipt = _pay(world, world.member())
    hidden, world.wallet.lines = world.wallet.lines, []
    world.settle(minutes=2)
    world.pull()
    assert _open(world) == [("not_on_statement", receipt)]
    world.wallet.lines = hidden
    world.clock.forward(hours=1)
    _pay(world, world.member())
    world.settle(minutes=1)
    [found] = _breaks(world)
    assert (found.is_open, found.resolution) == (False, "the wallet lists it now")


def test_a_line_that_is_not_in_the_ledger_is_found(world: World) -> None:
    member = world.member()
    world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", world.wallet.lines, EvidenceChannel.STATEMENT, now=world.clock.now())
    world.clock.forward(minutes=2)
    assert _open(world) == [("not_in_ledger", "SKL0000001")]


def test_amounts_that_differ_are_found(world: World) -> None:
    receipt = _pay(world, world.member())
    [line] = world.wallet.lines
    world.wallet.lines = [replace(line, amount=Money(4000))]
    world.settle(minutes=1)
    [found] = _breaks(world)
    assert (found.break_class, found.subject) == (BreakClass.AMOUNT_DIFFERS, receipt)
    assert (found.amount_cents, found.other_amount_cents) == (5000, 4000)
    assert _totals(world).confirmed == Figure(0, 0)


def test_a_registry_that_is_away_or_forgetful_or_wrong_is_found(world: World) -> None:
    world.registry.is_down = True
    first = _pay(world, world.member())
    world.settle(minutes=15)
    assert _open(world) == [("not_posted", first)]
    world.registry.is_down = False
    world.settle(minutes=2)
    assert _open(world) == []
    world.registry.changes_amount_by_cents = 7
    second = _pay(world, world.member())
    world.settle(minutes=2)
    [found] = [found for found in _breaks(world) if found.is_open]
    assert (found.break_class, found.subject) == (BreakClass.REGISTRY_AMOUNT_DIFFERS, second)
    assert (found.amount_cents, found.other_amount_cents) == (5000, 5007)
    world.registry.refuses = "rjct.amount.invalid"
    third = _pay(world, world.member())
    world.settle(minutes=2)
    assert ("rejected_by_registry", third) in _open(world)


def test_posted_but_not_acknowledged_is_found(world: World) -> None:
    world.registry.forgets = 1000
    receipt = _pay(world, world.member())
    world.settle(minutes=1)
    world.registry.is_down = True
    world.settle(minutes=12)
    assert _open(world) == [("not_acknowledged", receipt)]


def test_suspense_is_a_break_until_a_member_is_found(world: World) -> None:
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 5000, "WHO"))
    world.settle(minutes=1)
    assert _open(world) == [("suspense", "SKL0000001")]
    assert _totals(world).suspense == Figure(1, 5000)


def test_a_forged_callback_is_a_break_with_its_evidence(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    forged = json.loads(world.wallet.end(checkout_id, "0")) | {
        "receipt": "FORGED0001",
        "amount_cents": 900000,
    }
    world.call_back(json.dumps(forged), contribution_id)
    world.settle(minutes=10)
    [found] = [found for found in _breaks(world) if found.is_open]
    assert (found.break_class, found.subject) == (BreakClass.MISMATCH, "FORGED0001")
    assert (found.amount_cents, found.other_amount_cents) == (5000, 900000)
    with world.sessions.begin() as session:
        proofs = break_evidence(session, found.id)
    assert {proof.source for proof in proofs} == {"intent", "stk_callback", "stk_query"}
    assert world.proof().credited_cents == 5000


def test_a_prompt_without_an_end_is_a_break_until_it_is_known(world: World) -> None:
    world.wallet.outcomes.append(Unknown("timeout"))
    contribution_id, _ = world.prompted(world.member())
    world.wallet.is_down = True
    world.settle(minutes=20)
    assert _open(world) == [("unknown_outcome", str(contribution_id))]
    assert _totals(world).unknown == Figure(1, 5000)
    world.wallet.is_down = False
    world.settle(minutes=10)
    [found] = _breaks(world)
    assert (found.is_open, found.resolution) == (False, "the outcome is known")


def test_money_taken_back_after_the_registry_heard_of_it_is_a_break(world: World) -> None:
    receipt = _pay(world, world.member())
    world.settle(minutes=1)
    world.wallet.take_back(receipt)
    _pay(world, world.member(), 1000)
    world.settle(minutes=1)
    assert _open(world) == [("reversed_after_credit", receipt)]


def test_money_taken_back_around_midnight_is_a_break_of_its_own_day_and_stays_settled(world: World) -> None:
    day = world.calendar.day_of(START)
    world.clock.forward(hours=11, minutes=30)
    receipt = _pay(world, world.member())
    world.settle(minutes=1)
    world.wallet.take_back(receipt)
    world.clock.forward(minutes=40)
    world.pull()
    world.settle(minutes=1)
    next_day = world.calendar.day_of(world.clock.now())
    assert next_day == day + timedelta(days=1)
    world.reconcile(next_day)
    with world.sessions.begin() as session:
        assert session.scalars(select(Break)).all() == []
    world.reconcile(day)
    with world.sessions.begin() as session:
        [found] = session.scalars(select(Break))
    assert (found.break_class, found.day, found.amount_cents) == ("reversed_after_credit", day, 5000)
    do(world, wish(Act.EXPLAIN, break_id=found.id))
    for compared in (next_day, day, next_day):
        world.reconcile(compared)
        with world.sessions.begin() as session:
            again = session.get_one(Break, found.id)
            assert (again.state, again.day, again.amount_cents) == ("settled", day, 5000)


def test_the_evidence_of_a_break_shows_every_side_masked(world: World) -> None:
    member = world.member()
    contribution_id, checkout_id = world.prompted(member)
    world.registry.changes_amount_by_cents = 7
    world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    world.confirm(world.wallet.confirmation_of(checkout_id))
    world.settle(minutes=2)
    [found] = _breaks(world)
    with world.sessions.begin() as session:
        proofs = break_evidence(session, found.id)
        assert break_evidence(session, uuid.uuid4()) == []
        assert find_break(session, found.id) == found
    said = {proof.source: proof for proof in proofs}
    assert set(said) == {
        "intent",
        "stk_callback",
        "c2b_confirmation",
        "receipt",
        "ledger",
        "pull",
        "registry",
    }
    assert said["pull"].amount_cents == said["stk_callback"].amount_cents == 5000
    assert said["registry"].amount_cents == 5007
    assert said["pull"].payer_masked == PhoneNumber(member.phone).masked
    assert member.phone not in repr(proofs)
    assert member.number not in repr(proofs)


def test_reconciling_again_changes_nothing(world: World) -> None:
    _pay(world, world.member())
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 5000, "WHO"))
    world.settle(minutes=1)
    before, proof = _breaks(world), world.proof()
    for _ in range(2):
        assert _breaks(world) == before
    assert world.proof() == proof
    with world.sessions.begin() as session:
        runs = session.scalars(select(ReconciliationRun).order_by(ReconciliationRun.id)).all()
        assert [(run.breaks_found, run.breaks_open, run.breaks_resolved) for run in runs] == [(1, 1, 0)] * 3
        assert open_breaks(session) == {BreakClass.SUSPENSE: 1}
        assert session.scalar(select(Break.first_seen)) == world.clock.now()


@pytest.mark.parametrize("day", [None, "2026-11-22"])
def test_a_task_reconciles_the_day_it_names_or_what_is_due(world: World, day: str | None) -> None:
    payload = {"wallet": "mpesa", "shortcode": SHORTCODE} | ({"day": day} if day else {})
    task = Task(uuid.uuid4(), "reconcile", "k", payload, 1, START)
    assert world.reconciling.run(task) is None
    with world.sessions.begin() as session:
        days = session.scalars(text("SELECT day::text FROM reconciliation_runs ORDER BY day")).all()
    assert days == (["2026-11-22"] if day else ["2026-11-21", "2026-11-22"])
