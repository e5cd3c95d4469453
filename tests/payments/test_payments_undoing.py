"""Undoing is about the same money as what it undoes: no limit is passed in the name of something smaller."""

import json
import uuid
from dataclasses import replace

import pytest
from sqlalchemy import select

from core.money import Money
from core.phone import PhoneNumber
from payments.ledger.model import AccountKind
from payments.model import BreakClass, EvidenceChannel
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.registry_postings.service import lane_of
from payments.suspense.deciding import waiting
from payments.suspense.model import Act, DecisionState, NotPossible, Wish
from payments.suspense.tables import Decision
from payments.wallet_lines.service import keep_lines
from tests.payments.deciding import MAKER, do, held, lost, saved, second, states, wish
from tests.payments.test_payments_posting_batches import postings
from tests.payments.world import World

LIMIT = 100_000


def credited(world: World, cents: int) -> Break:
    """The difference that is found when so much was credited of a payment of KES 50."""
    member = world.member()
    body = json.loads(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.confirm(json.dumps(body | {"amount_cents": cents}))
    world.settle(minutes=1)
    world.reconcile()
    with world.sessions.begin() as session:
        return session.scalars(select(Break).where(Break.break_class == BreakClass.AMOUNT_DIFFERS)).one()


def borne(world: World) -> Decision:
    """The decision of two people that the fund bears a difference of KES 50,000."""
    found = credited(world, 5_005_000)
    proposal = do(world, wish(Act.WRITE_OFF, break_id=found.id), limit_cents=LIMIT)
    return second(world, proposal)


def proposals(world: World) -> list[Decision]:
    with world.sessions.begin() as session:
        return waiting(session)


@pytest.mark.parametrize("limit_cents", [0, LIMIT])
def test_what_the_fund_bears_is_not_taken_back_in_the_name_of_a_small_receipt(
    world: World, limit_cents: int
) -> None:
    decision = borne(world)
    small = lost(world, 1_000)
    with pytest.raises(NotPossible, match="not to undo"):
        do(world, wish(Act.UNDO, small, undoes_id=decision.id), limit_cents=limit_cents)
    assert held(world, AccountKind.CHARGES) == -5_000_000
    assert proposals(world) == []


def test_an_explanation_is_undone_where_it_was_given(world: World) -> None:
    lost(world)
    lost(world)
    first, other = world.receipts()
    with world.sessions.begin() as session:
        found = session.scalars(select(Break).where(Break.receipt_id == first.id)).one()
    decision = do(world, wish(Act.EXPLAIN, break_id=found.id))
    for elsewhere in (wish(Act.UNDO, other, undoes_id=decision.id), _about_break_of(world, other, decision)):
        with pytest.raises(NotPossible, match="not to undo"):
            do(world, elsewhere)
    do(world, wish(Act.UNDO, break_id=found.id, undoes_id=decision.id))
    with world.sessions.begin() as session:
        assert session.get_one(Break, found.id).state == "open"


def test_undoing_is_about_as_much_as_what_it_undoes(world: World) -> None:
    """Also when the difference has become small since."""
    lost(world)
    with world.sessions.begin() as session:
        found = session.scalars(select(Break)).one()
        found.other_amount_cents = 5_000_000
    decision = second(world, do(world, wish(Act.EXPLAIN, break_id=found.id), limit_cents=LIMIT))
    with world.sessions.begin() as session:
        session.get_one(Break, found.id).other_amount_cents = None
    proposal = do(world, wish(Act.UNDO, break_id=found.id, undoes_id=decision.id), limit_cents=LIMIT)
    assert (proposal.state, proposal.amount_cents) == (DecisionState.PROPOSED, 5_000_000)


def test_a_proposal_about_other_money_from_before_this_was_refused_is_refused_to_its_checker(
    world: World,
) -> None:
    decision = borne(world)
    small = lost(world, 1_000)
    with world.sessions.begin() as session:
        proposal = Decision(
            id=uuid.uuid4(),
            act=Act.UNDO,
            state=DecisionState.PROPOSED,
            wallet=small.wallet,
            shortcode=small.shortcode,
            receipt_id=small.id,
            undoes_id=decision.id,
            amount_cents=small.amount_cents,
            reason="it was a mistake of ours",
            maker=MAKER,
            made_at=world.clock.now(),
        )
        session.add(proposal)
    with pytest.raises(NotPossible, match="not to undo"):
        second(world, proposal)
    assert held(world, AccountKind.CHARGES) == -5_000_000


def _about_break_of(world: World, receipt: Receipt, undone: Decision) -> Wish:
    with world.sessions.begin() as session:
        found = session.scalars(select(Break).where(Break.receipt_id == receipt.id)).one()
    return wish(Act.UNDO, break_id=found.id, undoes_id=undone.id)


def test_after_an_undo_another_member_can_have_it_and_is_told_and_posted(world: World) -> None:
    wrong, right, receipt = world.member(), world.member(), lost(world)
    matched = do(world, wish(Act.MATCH, receipt, member_id=wrong.id))
    do(world, wish(Act.UNDO, receipt, undoes_id=matched.id))
    assert states(world)["suspense"] == "resolved"
    world.reconcile()
    assert states(world)["suspense"] == "open"
    do(world, wish(Act.MATCH, receipt, member_id=right.id))
    world.settle(minutes=1)
    assert (saved(world, wrong), saved(world, right)) == (0, 5000)
    assert world.proof().acknowledged == 1
    told = [task.payload.get("member_id") for task in world.tasks("message")]
    assert told.count(str(right.id)) == 1
    assert [task.order_key for task in world.tasks("post")] == [f"post:{lane_of(right.id)}"]


def test_undoing_an_explanation_opens_nothing_that_has_ended_by_itself_since(world: World) -> None:
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    [line] = world.wallet.lines
    decisions: list[Decision] = []
    for place, cents in enumerate((4000, 4500, 5000)):
        world.wallet.lines = [replace(line, row_key=f"{line.row_key}-{place}", amount=Money(cents))]
        world.settle(minutes=1)
        world.pull()
        world.reconcile()
        with world.sessions.begin() as session:
            found = session.scalars(select(Break).where(Break.break_class == BreakClass.AMOUNT_DIFFERS)).one()
        assert (found.state, cents) in {("open", 4000), ("open", 4500), ("resolved", 5000)}
        if not decisions:
            decisions.append(do(world, wish(Act.EXPLAIN, break_id=found.id)))
    do(world, wish(Act.UNDO, break_id=found.id, undoes_id=decisions[0].id))
    assert states(world)["amount_differs"] == "resolved"


def test_a_difference_of_amounts_is_borne_by_the_fund_stays_settled_and_can_be_undone(world: World) -> None:
    found = credited(world, 5700)
    decision = do(world, wish(Act.WRITE_OFF, break_id=found.id))
    assert held(world, AccountKind.CHARGES) == -700
    assert held(world, AccountKind.WALLET_FLOAT) == -5000
    for _ in range(2):
        world.reconcile()
    assert states(world)["amount_differs"] == "settled"
    do(world, wish(Act.UNDO, break_id=found.id, undoes_id=decision.id))
    assert held(world, AccountKind.CHARGES) == 0
    assert states(world)["amount_differs"] == "open"
    assert world.proof().holds


def test_what_the_fund_bears_the_difference_of_is_told_to_the_registry(world: World) -> None:
    found = credited(world, 5700)
    world.settle(minutes=5)
    assert world.proof().acknowledged == 0
    decision = do(world, wish(Act.WRITE_OFF, break_id=found.id))
    world.settle(minutes=5)
    assert world.proof().acknowledged == 1
    # And no longer when that is undone.
    do(world, wish(Act.UNDO, break_id=found.id, undoes_id=decision.id))
    world.settle(minutes=5)
    proof = world.proof()
    assert (proof.acknowledged - proof.corrected, held(world, AccountKind.CHARGES)) == (0, 0)
    # And told anew when the fund bears it once more.
    do(world, wish(Act.WRITE_OFF, break_id=found.id))
    world.settle(minutes=5)
    [posting] = postings(world)
    assert (posting.state, {task.state for task in world.tasks("post")}) == ("acknowledged", {"done"})
    assert posting.reference_id != posting.receipt_id
    assert world.proof().holds


def test_of_a_difference_that_changes_the_fund_bears_what_it_does_not_bear_yet(world: World) -> None:
    found = credited(world, 5700)
    first = do(world, wish(Act.WRITE_OFF, break_id=found.id))
    assert held(world, AccountKind.CHARGES) == -700
    with world.sessions.begin() as session:
        said = replace(world.wallet.lines[0], amount=Money(5200), row_key="said otherwise")
        keep_lines(session, "mpesa", [said], EvidenceChannel.STATEMENT, now=world.clock.now())
    world.reconcile()
    assert states(world)["amount_differs"] == "open"
    with pytest.raises(NotPossible, match="wallet has more"):
        do(world, wish(Act.WRITE_OFF, break_id=found.id))
    do(world, wish(Act.UNDO, break_id=found.id, undoes_id=first.id))
    do(world, wish(Act.WRITE_OFF, break_id=found.id))
    assert held(world, AccountKind.CHARGES) == -500
    assert world.proof().holds
