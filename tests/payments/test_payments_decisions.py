"""Staff decide about money: each is a linked transfer, once, audited, above a limit by two people."""

import json
import threading
import uuid

import pytest
from sqlalchemy import select, update

from core.audit import AuditEntry
from core.outbox import OutboxRow
from core.phone import PhoneNumber
from members.model import Status
from payments.ledger.model import AccountKind
from payments.ledger.tables import LedgerTransfer
from payments.model import BreakClass, EvidenceChannel
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.registry_postings import batches
from payments.suspense.deciding import decisions_about, waiting
from payments.suspense.giving_back import BackStep, way_back
from payments.suspense.model import Act, DecisionState, NotPossible, Share, Wish
from payments.wallet_lines.service import keep_lines
from tests.databases import is_kept_waiting
from tests.end_to_end.waiting import wait_for
from tests.payments.deciding import (
    CHECKER,
    MAKER,
    STRANGER,
    do,
    held,
    kept,
    lost,
    saved,
    second,
    states,
    wish,
)
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.world import World


def test_matching_moves_the_money_ends_the_difference_tells_and_posts(world: World) -> None:
    member, receipt = world.member(), lost(world)
    decision = do(world, wish(Act.MATCH, receipt, member_id=member.id))
    assert decision.state == DecisionState.DONE
    assert (saved(world, member), held(world, AccountKind.SUSPENSE)) == (5000, 0)
    assert states(world) == {"suspense": "resolved"}
    assert "receipt" in world.messages()
    world.settle(minutes=1)
    assert len(world.registry.stored) == 1
    assert world.proof().acknowledged == 1
    world.reconcile()
    assert states(world) == {"suspense": "resolved"}
    assert world.proof().holds


def test_who_decides_about_a_difference_holds_it_only_once_they_have_its_payment(world: World) -> None:
    """Who carries a decision out takes the payment first: the other way round both would wait for ever."""
    receipt = lost(world)
    with world.sessions.begin() as session:
        found = session.scalars(select(Break)).one()
    with world.sessions.begin() as holder:
        holder.get_one(Receipt, receipt.id, with_for_update=True)
        other = threading.Thread(target=do, args=(world, wish(Act.EXPLAIN, break_id=found.id)))
        other.start()
        wait_for(lambda: is_kept_waiting(holder), "the decision to wait", seconds=30)
        holder.get_one(Break, found.id, with_for_update={"nowait": True})
    other.join()
    assert states(world) == {"suspense": "settled"}


def test_a_double_click_is_one_decision(world: World) -> None:
    member, receipt = world.member(), lost(world)
    wanted = wish(Act.MATCH, receipt, member_id=member.id)
    first, again = do(world, wanted), do(world, wanted)
    assert first.id == again.id
    assert saved(world, member) == 5000
    with pytest.raises(NotPossible, match="already there"):
        do(world, wish(Act.MATCH, receipt, member_id=member.id))
    assert saved(world, member) == 5000


def test_every_transfer_points_at_the_one_it_corrects(world: World) -> None:
    member, receipt = world.member(), lost(world)
    matched = do(world, wish(Act.MATCH, receipt, member_id=member.id))
    undone = do(world, wish(Act.UNDO, receipt, undoes_id=matched.id))
    with world.sessions.begin() as session:
        keys = {row.id: row.business_key for row in session.scalars(select(LedgerTransfer))}
        links = {
            row.business_key: keys[row.corrects_id] if row.corrects_id else None
            for row in session.scalars(select(LedgerTransfer))
        }
    assert links[f"decision:{matched.id}"] == f"credit:mpesa:{SHORTCODE}:{receipt.receipt}"
    assert links[f"decision:{undone.id}"] == f"decision:{matched.id}"
    assert (saved(world, member), held(world, AccountKind.SUSPENSE)) == (0, 5000)
    assert world.proof().holds


def counted(world: World) -> list[tuple[str, int]]:
    """What the registry counts: who, and how much; void records do not count."""
    void = {*world.registry.corrects, *world.registry.corrects.values()}
    stored = world.registry.stored.items()
    return [(record.member_number, record.amount.amount_cents) for key, record in stored if key not in void]


@pytest.mark.parametrize("act", [Act.SUSPEND, Act.REFUND, Act.UNDO])
def test_what_the_registry_has_is_made_void_there_when_it_is_taken_from_its_member(
    world: World, act: Act
) -> None:
    member, receipt = world.member(), lost(world)
    matched = do(world, wish(Act.MATCH, receipt, member_id=member.id))
    world.settle(minutes=1)
    assert counted(world) == [(member.number, 5000)]
    do(world, wish(act, receipt, **({"undoes_id": matched.id} if act is Act.UNDO else {})))
    assert saved(world, member) == 0
    world.settle(minutes=1)
    assert counted(world) == []
    assert world.proof().holds
    with world.sessions.begin() as session:
        steps = [step.state for step in way_back(session, session.get_one(Receipt, receipt.id)).steps]
    # Staff see it on the way of what is given back; what only moved is told where it went.
    is_told = {BackStep.TOLD, BackStep.CONFIRMED} <= set(steps)
    assert is_told == (act is Act.REFUND)


def test_what_the_registry_has_is_told_anew_for_another_member(world: World) -> None:
    first, other, receipt = world.member(), world.member(), lost(world)
    do(world, wish(Act.MATCH, receipt, member_id=first.id))
    world.settle(minutes=1)
    moved = do(world, wish(Act.MATCH, receipt, member_id=other.id))
    world.settle(minutes=1)
    assert counted(world) == [(other.number, 5000)]
    do(world, wish(Act.UNDO, receipt, undoes_id=moved.id))
    world.settle(minutes=1)
    assert counted(world) == [(first.number, 5000)]
    assert (saved(world, first), saved(world, other)) == (5000, 0)
    assert world.proof().holds


def test_what_was_given_up_and_comes_back_is_told_again(world: World) -> None:
    member, receipt = world.member(), lost(world)
    do(world, wish(Act.MATCH, receipt, member_id=member.id))
    world.settle(minutes=1)
    suspended = do(world, wish(Act.SUSPEND, receipt))
    do(world, wish(Act.UNDO, receipt, undoes_id=suspended.id))
    world.settle(minutes=1)
    assert counted(world) == [(member.number, 5000)]
    assert world.proof().holds


def test_where_the_registry_holds_another_amount_that_is_cleared_first(world: World) -> None:
    member, receipt = world.member(), lost(world)
    world.registry.changes_amount_by_cents = 100
    do(world, wish(Act.MATCH, receipt, member_id=member.id))
    world.settle(minutes=1)
    with pytest.raises(NotPossible, match=r"at registry$"):
        do(world, wish(Act.SUSPEND, receipt))
    assert saved(world, member) == 5000


def test_what_the_registry_is_about_to_be_told_is_not_moved_either(world: World) -> None:
    """It is in a batch, and its attempt is counted only just before it is sent."""
    member, receipt = world.member(), lost(world)
    do(world, wish(Act.MATCH, receipt, member_id=member.id))
    [task] = world.tasks("post")
    with world.sessions.begin() as session:
        batches.form(session, task.id, receipt.id, limit=10, now=world.clock.now())
    with pytest.raises(NotPossible, match="at registry now"):
        do(world, wish(Act.SUSPEND, receipt))
    world.settle(minutes=1)
    assert (saved(world, member), world.proof().acknowledged) == (5000, 1)


def test_above_the_limit_a_second_person_decides(world: World) -> None:
    member, receipt = world.member(), lost(world, 250_000)
    proposal = do(world, wish(Act.MATCH, receipt, member_id=member.id), limit_cents=100_000)
    assert proposal.state == DecisionState.PROPOSED
    assert (saved(world, member), held(world, AccountKind.SUSPENSE)) == (0, 250_000)
    with pytest.raises(NotPossible, match="same person"):
        second(world, proposal, checker=MAKER)
    with pytest.raises(NotPossible, match="waits already"):
        do(world, wish(Act.REFUND, receipt), limit_cents=100_000)
    assert second(world, proposal).state == DecisionState.DONE
    with pytest.raises(NotPossible, match="decided already"):
        second(world, proposal)
    assert saved(world, member) == 250_000
    with world.sessions.begin() as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.action.like("decision.%")).order_by(AuditEntry.number)
        ).all()
        assert waiting(session) == []
    proposed, approved = entries
    assert (proposed.actor, approved.actor) == (MAKER, CHECKER)
    assert (approved.details["maker"], approved.details["checker"]) == (MAKER, CHECKER)
    assert approved.details["before"]["place"] == "suspense"
    assert approved.details["after"]["member_id"] == str(member.id)


def test_a_refused_proposal_moves_nothing_and_another_may_follow(world: World) -> None:
    member, receipt = world.member(), lost(world)
    proposal = do(world, wish(Act.MATCH, receipt, member_id=member.id), limit_cents=0)
    assert second(world, proposal, approve=False).state == DecisionState.REFUSED
    assert saved(world, member) == 0
    assert do(world, wish(Act.REFUND, receipt), limit_cents=0).state == DecisionState.PROPOSED
    with world.sessions.begin() as session:
        about = decisions_about(session, receipt_id=receipt.id, break_id=None)
    assert sorted((row.maker, row.checker) for row in about if row.checker) == [(MAKER, CHECKER)]


def test_what_could_not_be_done_is_not_even_proposed(world: World) -> None:
    closed, receipt = world.member(Status.CLOSED), lost(world)
    for member_id, why in ((closed.id, "closed member"), (uuid.uuid4(), "no member")):
        with pytest.raises(NotPossible, match=why):
            do(world, wish(Act.MATCH, receipt, member_id=member_id), limit_cents=0)
    with pytest.raises(NotPossible, match="no reason"):
        do(world, Wish(key=uuid.uuid4(), act=Act.REFUND, reason="short", receipt_id=receipt.id))
    with world.sessions.begin() as session:
        assert waiting(session) == []


def test_no_message_moves_what_staff_decided(world: World) -> None:
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, "WHO"))
    world.settle(minutes=1)
    [receipt] = world.receipts()
    assert receipt.member_id is None
    do(world, wish(Act.REFUND, receipt))
    world.settle(minutes=5)
    assert kept(world, receipt).member_id is None
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 5000
    assert world.proof().holds


def test_a_forged_credit_is_written_off_and_comes_back_when_the_wallet_lists_it(world: World) -> None:
    member = world.member()
    body = world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    world.confirm(body)
    hidden, world.wallet.lines = world.wallet.lines, []
    world.settle(minutes=2)
    world.pull()
    world.reconcile()
    [receipt] = world.receipts()
    with world.sessions.begin() as session:
        found = session.scalars(select(Break).where(Break.break_class == BreakClass.NOT_ON_STATEMENT)).one()
    do(world, wish(Act.WRITE_OFF, receipt, break_id=found.id))
    assert (saved(world, member), held(world, AccountKind.WALLET_FLOAT)) == (0, 0)
    world.reconcile()
    assert states(world) == {"not_on_statement": "resolved"}
    world.wallet.lines = hidden
    world.clock.forward(hours=1)
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000112"), 100, "X"))
    world.settle(minutes=3)
    world.reconcile()
    assert states(world)["not_in_ledger"] == "open"
    assert saved(world, member) == 0


def test_what_the_wallet_lists_is_not_written_off_because_a_message_contradicts_it(world: World) -> None:
    member = world.member()
    # What it refused, nothing else keeps in the member's name.
    world.registry.refuses = "rjct.amount.invalid"
    body = json.loads(world.wallet.pay_by_hand(PhoneNumber(member.phone), 10_000, member.number))
    world.confirm(json.dumps(body))
    world.settle(minutes=1)
    world.confirm(json.dumps(body | {"amount_cents": 50_000}))
    world.settle(minutes=1)
    world.reconcile()
    with world.sessions.begin() as session:
        found = session.scalars(select(Break).where(Break.break_class == BreakClass.MISMATCH)).one()
    [receipt] = world.receipts()
    assert found.receipt_id == receipt.id
    with pytest.raises(NotPossible, match="not to write off"):
        do(world, wish(Act.WRITE_OFF, break_id=found.id))
    assert (saved(world, member), held(world, AccountKind.WALLET_FLOAT)) == (10_000, -10_000)


def test_what_the_wallet_lists_by_now_is_not_written_off_before_the_next_comparison(world: World) -> None:
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    lines, world.wallet.lines = world.wallet.lines, []
    world.settle(minutes=16)
    world.pull()
    world.reconcile()
    with world.sessions.begin() as session:
        found = session.scalars(select(Break).where(Break.break_class == BreakClass.NOT_ON_STATEMENT)).one()
        keep_lines(session, "mpesa", lines, EvidenceChannel.STATEMENT, now=world.clock.now())
    with pytest.raises(NotPossible, match="has come"):
        do(world, wish(Act.WRITE_OFF, break_id=found.id))
    assert saved(world, member) == 5000


def test_an_explanation_holds_until_the_amounts_change(world: World) -> None:
    lost(world)
    with world.sessions.begin() as session:
        found = session.scalars(select(Break)).one()
    do(world, wish(Act.EXPLAIN, break_id=found.id))
    world.reconcile()
    assert states(world) == {"suspense": "settled"}
    with world.sessions.begin() as session:
        session.get_one(Break, found.id).amount_cents = 1
    world.reconcile()
    assert states(world) == {"suspense": "open"}


def test_the_registry_is_told_again_after_it_refused(world: World) -> None:
    member = world.member()
    world.registry.refuses = "rjct.amount.invalid"
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=1)
    world.reconcile()
    assert states(world) == {"rejected_by_registry": "open"}
    [receipt] = world.receipts()
    world.registry.refuses = ""
    do(world, wish(Act.REPOST, receipt), limit_cents=0)
    world.settle(minutes=1)
    assert world.proof().acknowledged == 1
    with pytest.raises(NotPossible, match="acknowledged"):
        do(world, wish(Act.REPOST, receipt))
    world.reconcile()
    assert states(world) == {"rejected_by_registry": "resolved"}


def test_what_staff_have_told_again_has_all_its_tries_again(world: World) -> None:
    member = world.member()
    world.registry.refuses = "rjct.amount.invalid"
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=1)
    [receipt] = world.receipts()
    of_it = (OutboxRow.topic == "post", OutboxRow.key == str(receipt.id))
    with world.sessions.begin() as session:
        session.execute(update(OutboxRow).where(*of_it).values(state="dead", failures=50))
    do(world, wish(Act.REPOST, receipt), limit_cents=0)
    with world.sessions.begin() as session:
        row = session.scalars(select(OutboxRow).where(*of_it)).one()
    assert (row.state, row.failures) == ("pending", 0)


def test_a_long_reason_of_the_second_person_is_kept_as_far_as_there_is_room(world: World) -> None:
    receipt = lost(world)
    member = world.member()
    proposed = do(world, wish(Act.MATCH, receipt, member_id=member.id), limit_cents=0)
    assert second(world, proposed, reason="because " * 100).checker_reason == ("because " * 100)[:400]


def test_a_match_frees_what_else_that_phone_paid_for_the_member(world: World) -> None:
    member, other = world.member(), world.member()
    for typed in (member.number, member.number, other.number):
        world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, typed))
    world.settle(minutes=1)
    first = world.receipts()[0]
    do(world, wish(Act.MATCH, first, member_id=member.id))
    world.settle(minutes=1)
    assert [one.member_id for one in world.receipts()] == [member.id, member.id, None]
    assert len(world.tasks("look_again")) == 1


def test_a_division_frees_what_else_that_phone_paid_for_its_members(world: World) -> None:
    member, other = world.member(), world.member()
    whole = lost(world, 12_000)
    for one in (member, other):
        world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, one.number))
    world.settle(minutes=1)
    shares = (Share(member.id, 5000), Share(other.id, 7000))
    do(world, wish(Act.SPLIT, whole, shares=shares))
    world.settle(minutes=1)
    assert (saved(world, member), saved(world, other)) == (10_000, 12_000)
    assert held(world, AccountKind.SUSPENSE) == 0
    assert world.proof().holds
