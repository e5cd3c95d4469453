"""Two memberships made one: every shilling, the registry and both phones follow; and it can be undone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.ids import new_id
from core.outbox import Task
from core.phone import PhoneNumber
from members.duplicates.model import CaseState, Likeness
from members.duplicates.tables import DuplicateCaseRow
from members.enrolments import tell_standing
from members.model import IdentityState, NoticeKind, Status
from members.notified import keep_notice
from members.tables import EnrolmentTellingRow, IdentityCheckRow, MemberRow
from payments.ledger.tables import LedgerTransfer
from payments.merging.deciding import decide_pair
from payments.merging.following import MoneyFollowing
from payments.merging.model import PairAct, PairWish
from payments.receipts.tables import Receipt
from payments.suspense.model import Act, NotPossible
from tests.payments.deciding import do, wish
from tests.payments.one_person import AMINA, LIMIT_CENTS, WHY, Pair
from tests.payments.world import START, World


@pytest.fixture
def pair(world: World) -> Pair:
    return Pair(world)


def is_proven(world: World) -> bool:
    found = world.proof()
    return found.postings_sum_cents == 0 and found.balances_equal_postings


def test_a_merge_moves_each_receipt_by_a_linked_transfer_and_closes_one(world: World, pair: Pair) -> None:
    assert pair.saved() == (5000, 5000)
    merge = pair.decide()
    assert pair.saved() == (10_000, 0)
    assert pair.statuses() == [(Status.ACTIVE, None), (Status.CLOSED, pair.kept.id)]
    assert pair.case_state() == CaseState.MERGED
    with world.sessions() as session:
        transfers = session.scalars(
            select(LedgerTransfer).where(LedgerTransfer.business_key.startswith(f"pair:{merge.id}:"))
        ).all()
        corrected = [session.get_one(LedgerTransfer, one.corrects_id).business_key for one in transfers]
    assert len(transfers) == 2
    assert all(name.startswith("credit:mpesa:") for name in corrected)
    assert is_proven(world)


def test_the_registry_counts_each_shilling_once_and_in_the_name_that_stays(world: World, pair: Pair) -> None:
    assert pair.counted() == {pair.kept.number: 5000, pair.closed.number: 5000}
    pair.decide()
    world.settle(minutes=3)
    assert pair.counted() == {pair.kept.number: 10_000}
    found = world.proof()
    assert (found.acknowledged, found.corrected) == (3, 0)


def test_an_undone_merge_leaves_everything_as_it_was_and_asks_again(world: World, pair: Pair) -> None:
    merge = pair.decide()
    world.settle(minutes=3)
    pair.undo(merge)
    assert pair.saved() == (5000, 5000)
    assert pair.statuses() == [(Status.ACTIVE, None), (Status.ACTIVE, None)]
    assert pair.case_state() == CaseState.OPEN
    world.settle(minutes=3)
    assert pair.counted() == {pair.kept.number: 5000, pair.closed.number: 5000}
    assert is_proven(world)
    with pytest.raises(NotPossible, match="not to undo"):
        pair.undo(merge)
    # And it may be found again that they are one.
    pair.decide()
    world.settle(minutes=3)
    assert pair.counted() == {pair.kept.number: 10_000}
    assert pair.saved() == (10_000, 0)


def test_a_merge_that_is_undone_before_the_registry_heard_of_it_ends_well(world: World, pair: Pair) -> None:
    merge = pair.decide()
    pair.undo(merge)
    world.settle(minutes=3)
    assert pair.counted() == {pair.kept.number: 5000, pair.closed.number: 5000}


def test_the_same_click_twice_is_one_merge(world: World, pair: Pair) -> None:
    key = new_id()
    assert pair.decide(key=key).id == pair.decide(key=key).id
    assert pair.saved() == (10_000, 0)
    assert world.messages().count("merged") == 1


def test_above_the_limit_a_second_person_decides(world: World, pair: Pair) -> None:
    decision = pair.decide(limit_cents=4999)
    assert (decision.state, decision.amount_cents) == ("proposed", 5000)
    assert pair.saved() == (5000, 5000)
    assert pair.case_state() == CaseState.OPEN
    with pytest.raises(NotPossible, match="waits already"):
        pair.decide(limit_cents=4999)
    with pytest.raises(NotPossible, match="same person"):
        pair.check(decision, checker=AMINA)
    pair.check(decision)
    assert pair.saved() == (10_000, 0)
    with pytest.raises(NotPossible, match="decided already"):
        pair.check(decision)


def test_an_undoing_of_much_money_waits_too(pair: Pair) -> None:
    merge = pair.decide()
    undo = pair.decide(PairAct.UNDO, undoes=merge.id, limit_cents=4999)
    assert undo.state == "proposed"
    assert pair.saved() == (10_000, 0)
    pair.check(undo, approve=False)
    assert pair.saved() == (10_000, 0)


def test_who_are_different_people_stay_so(pair: Pair) -> None:
    pair.decide(PairAct.DIFFERENT)
    assert pair.case_state() == CaseState.DIFFERENT
    assert pair.saved() == (5000, 5000)
    with pytest.raises(NotPossible, match="decided already"):
        pair.decide()


def look_alike(world: World, member: MemberRow) -> None:
    """They joined while somebody with their name and birth date was a member already."""
    with world.sessions.begin() as session:
        session.get_one(MemberRow, member.id).status = Status.NEEDS_REVIEW
        session.add(
            IdentityCheckRow(
                id=new_id(),
                key=f"check:{member.id}",
                phone_index=member.phone_index,
                identifier_type=member.identifier_type,
                identifier=member.identifier,
                identifier_index=member.identifier_index,
                state=IdentityState.LOOK_ALIKE,
                member_id=member.id,
                created_at=START,
            )
        )


def test_the_answer_ends_the_doubt_with_which_a_look_alike_joined(world: World, pair: Pair) -> None:
    look_alike(world, pair.closed)
    pair.decide(PairAct.DIFFERENT)
    assert pair.statuses() == [(Status.ACTIVE, None), (Status.ACTIVE, None)]
    assert world.messages().count("verified") == 1


def test_a_look_alike_who_stays_is_verified_by_the_merge_and_in_doubt_again_without_it(
    world: World, pair: Pair
) -> None:
    look_alike(world, pair.kept)
    merge = pair.decide()
    assert pair.statuses() == [(Status.ACTIVE, None), (Status.CLOSED, pair.kept.id)]
    pair.undo(merge)
    assert pair.statuses() == [(Status.NEEDS_REVIEW, None), (Status.ACTIVE, None)]


def test_another_doubt_stays(world: World, pair: Pair) -> None:
    look_alike(world, pair.kept)
    with world.sessions.begin() as session:
        keep_notice(
            session, session.get_one(MemberRow, pair.kept.id), NoticeKind.NAME_CHANGE, "civil", now=START
        )
    pair.decide(PairAct.DIFFERENT)
    assert pair.statuses()[0] == (Status.NEEDS_REVIEW, None)


def test_payments_and_merges_at_the_same_moment_lose_and_double_nothing(world: World, pair: Pair) -> None:
    """Payments for the membership that is being closed, while it is closed, opened and closed again."""
    bodies = [
        world.wallet.pay_by_hand(PhoneNumber(pair.closed.phone), 100 + number, pair.closed.number)
        for number in range(12)
    ]
    start = threading.Barrier(2)

    def pays() -> None:
        start.wait()
        for body in bodies:
            world.confirm(body)
            world.work("evidence")

    def merges() -> int:
        start.wait()
        done = 0
        for _ in range(4):
            # The registry may be at work on one of the payments: then the page says to try again.
            with suppress(NotPossible):
                merge = pair.decide()
                done += 1
                pair.undo(merge)
        return done

    with ThreadPoolExecutor(2) as threads:
        paying, merging = threads.submit(pays), threads.submit(merges)
        paying.result()
        assert merging.result() >= 1
    world.settle(minutes=3)
    if pair.case_state() == CaseState.OPEN:
        pair.decide()
    MoneyFollowing(world.sessions, world.clock).run(Task(new_id(), "merged_money", "every", {}, 1, START))
    world.settle(minutes=3)
    paid = 10_000 + sum(100 + number for number in range(12))
    assert pair.saved() == (paid, 0)
    assert pair.counted() == {pair.kept.number: paid}
    assert is_proven(world)


def test_a_merge_does_not_wait_for_who_is_writing_for_one_of_the_two(world: World, pair: Pair) -> None:
    """What is written for a member holds their row by a foreign key.

    A merge that waited for it, with receipts and balances in hand, would be half of a deadlock.
    """
    with world.sessions() as writing, ThreadPoolExecutor(1) as threads:
        for member_id in (pair.kept.id, pair.closed.id):
            member = select(MemberRow.id).where(MemberRow.id == member_id)
            writing.execute(member.with_for_update(read=True, key_share=True))
        merge = threads.submit(pair.decide)
        try:
            merge.result(timeout=20)
        finally:
            writing.rollback()
    assert pair.saved() == (10_000, 0)


def test_nothing_is_decided_without_a_reason(pair: Pair) -> None:
    with pytest.raises(NotPossible, match="no reason"):
        pair.decide(reason="same")


def test_while_the_registry_is_being_told_nothing_is_merged(world: World, pair: Pair) -> None:
    world.registry.is_down = True
    pair.pays(pair.closed, 700)
    world.settle(minutes=2)
    with pytest.raises(NotPossible, match="at registry now"):
        pair.decide()
    assert pair.saved() == (5000, 5700)
    world.registry.is_down = False
    world.settle(minutes=5)
    pair.decide()
    assert pair.saved() == (10_700, 0)


def test_who_saves_by_the_old_number_saves_for_the_one_that_stayed(world: World, pair: Pair) -> None:
    pair.decide()
    pair.pays(pair.closed, 900)
    world.settle(minutes=3)
    assert pair.saved() == (10_900, 0)
    assert pair.counted() == {pair.kept.number: 10_900}


def test_a_prompt_that_was_open_when_they_were_merged_pays_the_one_that_stayed(
    world: World, pair: Pair
) -> None:
    contribution_id, checkout_id = world.prompted(pair.closed, 1100)
    pair.decide()
    world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    world.settle(minutes=3)
    assert pair.saved() == (11_100, 0)


def test_money_that_came_to_the_closed_one_meanwhile_follows(world: World, pair: Pair) -> None:
    merge = pair.decide()
    with world.sessions.begin() as session:
        # As if the payment had been credited by a transaction that began before the merge.
        closed = session.get_one(MemberRow, pair.closed.id)
        closed.merged_into, closed.status = None, Status.ACTIVE
    pair.pays(pair.closed, 1300)
    world.settle(minutes=2)
    assert pair.saved() == (10_000, 1300)
    with world.sessions.begin() as session:
        closed = session.get_one(MemberRow, pair.closed.id)
        closed.merged_into, closed.status = pair.kept.id, Status.CLOSED
    following = MoneyFollowing(world.sessions, world.clock)
    for _ in range(2):
        following.run(Task(new_id(), "merged_money", "every", {}, 1, START))
    world.settle(minutes=3)
    assert pair.saved() == (11_300, 0)
    pair.undo(merge)
    assert pair.saved() == (5000, 6300)


def test_money_that_comes_back_to_the_closed_one_follows_each_time(world: World, pair: Pair) -> None:
    world.registry.is_down = True
    pair.pays(pair.closed, 700)
    world.work("evidence", "pull")
    receipt = next(one for one in world.receipts() if one.amount_cents == 700)
    first = do(world, wish(Act.SUSPEND, receipt))
    world.clock.forward(minutes=1)
    do(world, wish(Act.MATCH, receipt, member_id=pair.closed.id))
    merge = pair.decide()
    world.clock.forward(minutes=1)
    do(world, wish(Act.SUSPEND, receipt))
    world.clock.forward(minutes=1)
    do(world, wish(Act.UNDO, receipt, undoes_id=first.id))
    assert pair.saved() == (10_000, 700)
    MoneyFollowing(world.sessions, world.clock).run(Task(new_id(), "merged_money", "every", {}, 1, START))
    assert pair.saved() == (10_700, 0)
    pair.undo(merge)
    assert pair.saved() == (5000, 5700)


def test_a_payment_reversed_after_the_merge_is_taken_from_the_one_that_stayed(
    world: World, pair: Pair
) -> None:
    merge = pair.decide()
    world.settle(minutes=3)
    with world.sessions() as session:
        receipt = session.scalars(select(Receipt).where(Receipt.amount_cents == 2000)).one().receipt
    world.wallet.take_back(receipt)
    world.add_task("pull", {"wallet": "mpesa", "shortcode": world.wallet.shortcode})
    world.settle(minutes=3)
    assert pair.saved() == (8000, 0)
    assert pair.counted() == {pair.kept.number: 8000}
    pair.undo(merge)
    assert pair.saved() == (5000, 3000)
    assert is_proven(world)


def test_both_phones_hear_of_it_and_both_memberships_have_it_in_the_trail(world: World, pair: Pair) -> None:
    merge = pair.decide()
    told = {task.payload["template"]: task.payload for task in world.tasks("message")}
    assert told["merged"]["member_id"] == str(pair.kept.id)
    assert told["merged_closed"]["member_id"] == str(pair.closed.id)
    assert told["merged_closed"]["values"] == {"number": pair.kept.number}
    pair.undo(merge)
    assert world.messages().count("merge_undone") == 2
    with world.sessions() as session:
        trail = session.execute(
            select(AuditEntry.action, AuditEntry.subject, AuditEntry.actor)
            .where(AuditEntry.action.startswith("duplicate."))
            .order_by(AuditEntry.number)
        ).all()
    both = {str(pair.kept.id), str(pair.closed.id)}
    assert {row.subject for row in trail} == both
    assert [row.action for row in trail] == ["duplicate.merge_done"] * 2 + ["duplicate.undo_done"] * 2
    assert {row.actor for row in trail} == {AMINA}


def test_who_others_were_merged_into_is_not_merged_away(world: World, pair: Pair) -> None:
    pair.decide()
    third = world.member()
    first_id, second_id = sorted((pair.kept.id, third.id))
    with world.sessions.begin() as session:
        case = DuplicateCaseRow(
            id=new_id(),
            first_id=first_id,
            second_id=second_id,
            reasons=[Likeness.PHONE],
            confidence=30,
            state=CaseState.OPEN,
            opened_at=START,
        )
        session.add(case)
        session.flush()
        wish = PairWish(new_id(), case.id, PairAct.MERGE, WHY, kept_id=third.id)
    with pytest.raises(NotPossible, match="has others"), world.sessions.begin() as session:
        decide_pair(session, wish, maker=AMINA, limit_cents=LIMIT_CENTS, now=START)


def told_of(world: World, member: MemberRow) -> list[str]:
    with world.sessions() as session:
        rows = select(EnrolmentTellingRow).where(EnrolmentTellingRow.member_id == member.id)
        return [row.standing for row in session.scalars(rows.order_by(EnrolmentTellingRow.number))]


def test_the_central_registry_is_told_that_one_ended_and_that_it_goes_on(world: World, pair: Pair) -> None:
    with world.sessions.begin() as session:
        for member in (pair.kept, pair.closed):
            tell_standing(session, session.get_one(MemberRow, member.id), now=world.clock.now())
    merge = pair.decide()
    assert [told_of(world, member) for member in (pair.kept, pair.closed)] == [
        ["active"],
        ["active", "inactive"],
    ]
    pair.undo(merge)
    assert told_of(world, pair.kept) == ["active"]
    assert told_of(world, pair.closed) == ["active", "inactive", "active"]


def test_a_merge_of_whom_the_central_registry_never_heard_tells_it_nothing(world: World, pair: Pair) -> None:
    pair.undo(pair.decide())
    assert told_of(world, pair.kept) == []
    assert told_of(world, pair.closed) == ["active"]
