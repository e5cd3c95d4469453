"""One payment for several members: divided to the cent, once, told, posted, undone, taken back as a whole."""

import threading
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from core.audit import AuditEntry
from members.model import Status
from members.tables import MemberRow
from payments.ledger.model import AccountKind
from payments.ledger.tables import LedgerTransfer
from payments.model import PaymentState
from payments.reconciliation.proof import break_evidence
from payments.reconciliation.tables import Break
from payments.suspense.model import Act, DecisionState, NotPossible, Share
from payments.suspense.splitting import check_shares
from payments.suspense.view import suspense_page, suspense_total
from payments.view import payment_way, statement_of
from tests.payments.deciding import (
    CHECKER,
    MAKER,
    STRANGER,
    do,
    held,
    lost,
    saved,
    second,
    wish,
)
from tests.payments.divisions import ALL, credited, parts_of, split_wish, workers
from tests.payments.world import World


def test_a_farm_owners_payment_is_divided_among_four_workers(world: World) -> None:
    four, receipt = workers(world), lost(world, ALL)
    cents = (30_000, 30_001, 29_999, 30_000)
    decision = do(world, split_wish(receipt, *zip(four, cents, strict=True)))
    assert decision.state == DecisionState.DONE
    assert [saved(world, member) for member in four] == list(cents)
    assert held(world, AccountKind.SUSPENSE) == 0
    assert [part.receipt for part in parts_of(world, receipt)] == [
        f"{receipt.receipt}-{place}" for place in (1, 2, 3, 4)
    ]
    told = [task.payload for task in world.tasks("message") if task.payload["template"] == "part"]
    assert {(one["member_id"], one["values"]["amount_cents"]) for one in told} == {
        (str(member.id), share) for member, share in zip(four, cents, strict=True)
    }
    world.settle(minutes=1)
    proof = world.proof()
    assert (proof.receipts, proof.acknowledged, proof.credited_cents) == (1, 4, ALL)
    assert {record.receipt for record in world.registry.stored.values()} == {
        part.receipt for part in parts_of(world, receipt)
    }
    assert world.registry.counts_cents == ALL
    assert proof.holds


def test_who_has_a_part_and_wants_it_back_is_told_to_call_staff(world: World) -> None:
    """By either code: that it is not among their savings would not be true."""
    two, receipt = workers(world, 2), lost(world, ALL)
    do(world, split_wish(receipt, *((member, ALL // 2) for member in two)))
    for code in (receipt.receipt, f"{receipt.receipt}-1"):
        world.write("refund_wish", two[0], code)
        last = world.tasks("message")[-1].payload
        assert (last["template"], last["values"]) == ("refund_staff", {"receipt": code})


def test_what_is_left_over_waits_in_suspense_and_is_matched_or_divided_later(world: World) -> None:
    first, second_, third = workers(world, 3)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (first, 50_000), (second_, 30_000)))
    with world.sessions.begin() as session:
        rows, _ = suspense_page(session, None)
        assert [(row.receipt, row.amount_cents) for row in rows] == [(f"{receipt.receipt}-3", 40_000)]
        assert suspense_total(session).amount_cents == held(world, AccountKind.SUSPENSE) == 40_000
    rest = parts_of(world, receipt)[-1]
    do(world, split_wish(rest, (third, 10_000)))
    assert [part.receipt[-2:] for part in parts_of(world, receipt)] == ["-1", "-2", "-4", "-5"]
    do(world, wish(Act.MATCH, parts_of(world, receipt)[-1], member_id=first.id))
    assert [saved(world, member) for member in (first, second_, third)] == [80_000, 30_000, 10_000]
    world.settle(minutes=1)
    assert world.registry.counts_cents == ALL
    assert world.proof().holds


def test_each_part_is_on_its_members_statement_and_goes_its_whole_way(world: World) -> None:
    first, other = workers(world, 2)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (first, 100_000), (other, 20_000)))
    world.settle(minutes=1)
    with world.sessions.begin() as session:
        [line] = statement_of(session, other.id, 5)
        assert (line.amount.amount_cents, line.state) == (20_000, PaymentState.ACKNOWLEDGED)
        assert (line.receipt, line.at) == (f"{receipt.receipt}-2", receipt.paid_at)
        way = payment_way(session, line.id)
    assert [step.state for step in way] == ["received", "confirmed", "posted", "acknowledged"]


def test_what_one_member_was_credited_with_and_the_registry_has_is_told_anew_in_parts(world: World) -> None:
    owner, receipt = credited(world)
    others = workers(world, 2)
    do(world, split_wish(receipt, (owner, 60_000), (others[0], 40_000), (others[1], 20_000)))
    assert [saved(world, member) for member in (owner, *others)] == [60_000, 40_000, 20_000]
    world.settle(minutes=2)
    assert world.registry.counts_cents == ALL
    assert list(world.registry.corrects.values()) == [receipt.id]
    proof = world.proof()
    assert (proof.acknowledged - proof.corrected, proof.posted) == (3, 3)
    assert world.messages().count("taken_out") == 0


def test_who_gets_nothing_of_it_hears_that_it_was_taken_out(world: World) -> None:
    owner, receipt = credited(world)
    do(world, split_wish(receipt, *((member, 60_000) for member in workers(world, 2))))
    assert saved(world, owner) == 0
    [told] = [task.payload for task in world.tasks("message") if task.payload["template"] == "taken_out"]
    assert (told["member_id"], told["values"]["amount_cents"]) == (str(owner.id), ALL)
    assert told["values"]["balance_cents"] == 0


@pytest.mark.parametrize("was_credited", [False, True])
def test_undoing_puts_it_back_in_one_piece_also_at_the_registry(world: World, was_credited: bool) -> None:
    owner, receipt = credited(world) if was_credited else (None, lost(world, ALL))
    two = workers(world, 2)
    decision = do(world, split_wish(receipt, (two[0], 70_000), (two[1], 20_000)))
    world.settle(minutes=2)
    undone = do(world, wish(Act.UNDO, receipt, undoes_id=decision.id))
    assert [saved(world, member) for member in two] == [0, 0]
    assert held(world, AccountKind.SUSPENSE) == (0 if was_credited else ALL)
    assert parts_of(world, receipt) == []
    world.settle(minutes=2)
    assert world.registry.counts_cents == (ALL if was_credited else 0)
    if owner is not None:
        assert saved(world, owner) == ALL
    assert world.messages().count("taken_out") == (3 if was_credited else 2)
    with world.sessions.begin() as session:
        transfer = session.scalars(
            select(LedgerTransfer).where(LedgerTransfer.business_key == f"decision:{undone.id}")
        ).one()
        assert transfer.corrects_id is not None
        corrected = session.get_one(LedgerTransfer, transfer.corrects_id)
        assert corrected.business_key == f"decision:{decision.id}"
    assert world.proof().holds
    # What was divided wrongly is divided rightly, under codes that were never used.
    do(world, split_wish(receipt, (two[1], 70_000), (two[0], 50_000)))
    assert [part.receipt[-2:] for part in parts_of(world, receipt)] == ["-4", "-5"]
    world.settle(minutes=2)
    assert world.registry.counts_cents == ALL


def test_it_is_not_undone_over_the_head_of_a_later_decision(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    decision = do(world, split_wish(receipt, (one, 50_000)))
    later = do(world, wish(Act.MATCH, parts_of(world, receipt)[-1], member_id=other.id))
    with pytest.raises(NotPossible, match="moved since"):
        do(world, wish(Act.UNDO, receipt, undoes_id=decision.id))
    do(world, wish(Act.UNDO, parts_of(world, receipt)[-1], undoes_id=later.id))
    do(world, wish(Act.UNDO, receipt, undoes_id=decision.id))
    assert held(world, AccountKind.SUSPENSE) == ALL
    assert world.proof().holds


@pytest.mark.parametrize("ended", [Status.CLOSED, Status.DECEASED])
@pytest.mark.parametrize("divided", [True, False])
def test_nothing_is_undone_into_a_membership_that_ended(world: World, ended: Status, divided: bool) -> None:
    owner, receipt = world.member(), lost(world, ALL)
    do(world, wish(Act.MATCH, receipt, member_id=owner.id))
    one, other = workers(world, 2)
    wanted = split_wish(receipt, (one, 50_000), (other, 70_000))
    decision = do(world, wanted if divided else wish(Act.SUSPEND, receipt))
    with world.sessions.begin() as session:
        session.get_one(MemberRow, owner.id).status = ended
    with pytest.raises(NotPossible, match="closed member"):
        do(world, wish(Act.UNDO, receipt, undoes_id=decision.id))
    assert [saved(world, member) for member in (owner, one)] == [0, 50_000 if divided else 0]
    assert world.proof().holds


def test_while_the_registry_is_being_told_nobody_guesses(world: World) -> None:
    receipt = lost(world, ALL)
    owner, *two = workers(world, 3)
    do(world, wish(Act.MATCH, receipt, member_id=owner.id))
    world.registry.is_down = True
    world.settle(minutes=1)
    with pytest.raises(NotPossible, match="at registry now"):
        do(world, split_wish(receipt, *((member, 60_000) for member in two)))
    world.registry.is_down = False
    world.settle(minutes=3)
    do(world, split_wish(receipt, *((member, 60_000) for member in two)))
    world.settle(minutes=2)
    assert world.registry.counts_cents == ALL


def test_what_is_undone_is_what_was_decided_about_this_money(world: World) -> None:
    one = world.member()
    for account in ("WHO", "ELSE"):
        world.confirm(world.wallet.pay_by_hand(STRANGER, ALL, account))
    world.settle(minutes=1)
    first, second_ = world.receipts()
    decisions = [do(world, split_wish(receipt, (one, 50_000))) for receipt in (first, second_)]
    with pytest.raises(NotPossible, match="not to undo"):
        do(world, wish(Act.UNDO, first, undoes_id=decisions[1].id))
    assert (saved(world, one), held(world, AccountKind.SUSPENSE)) == (100_000, 140_000)


def test_what_speaks_for_a_part_is_what_the_wallet_said_of_the_whole(world: World) -> None:
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (world.member(), 50_000)))
    world.reconcile()
    with world.sessions.begin() as session:
        found = session.scalars(select(Break).where(Break.subject == f"{receipt.receipt}-2")).one()
        proofs = break_evidence(session, found.id)
    assert {proof.source for proof in proofs} >= {"c2b_confirmation", "pull", "receipt", "ledger"}
    assert {proof.amount_cents for proof in proofs} == {ALL, 70_000}


def test_above_the_limit_a_second_person_sees_the_shares_and_decides(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    proposal = do(world, split_wish(receipt, (one, 50_000), (other, 70_000)), limit_cents=100_000)
    assert proposal.state == DecisionState.PROPOSED
    assert parts_of(world, receipt) == []
    assert held(world, AccountKind.SUSPENSE) == ALL
    assert [Share.of_details(share).amount_cents for share in proposal.shares] == [50_000, 70_000]
    with pytest.raises(NotPossible, match="same person"):
        second(world, proposal, checker=MAKER)
    second(world, proposal)
    assert [saved(world, member) for member in (one, other)] == [50_000, 70_000]
    with world.sessions.begin() as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.action.like("decision.%")).order_by(AuditEntry.number)
        ).all()
    approved = entries[-1].details
    assert (entries[-1].actor, approved["maker"]) == (CHECKER, MAKER)
    assert approved["before"] == {"place": "suspense", "member_id": None}
    assert approved["after"]["place"] == "split"
    assert [(part["member_id"], part["amount_cents"]) for part in approved["after"]["parts"]] == [
        (str(one.id), 50_000),
        (str(other.id), 70_000),
    ]


def test_what_two_people_divided_is_not_moved_by_one_part_by_part(world: World) -> None:
    (one, other, third), receipt = workers(world, 3), lost(world, ALL)
    proposal = do(world, split_wish(receipt, (one, 60_000), (other, 50_000)), limit_cents=100_000)
    second(world, proposal)
    part, _, rest = parts_of(world, receipt)
    assert (part.amount_cents, rest.amount_cents) == (60_000, 10_000)
    wishes = [
        wish(Act.MATCH, part, member_id=third.id),
        wish(Act.MATCH, rest, member_id=third.id),
    ]
    moved = [do(world, wanted, limit_cents=100_000) for wanted in wishes]
    assert [decision.state for decision in moved] == [DecisionState.PROPOSED] * 2
    # What is decided about is the part alone, and the page of the second person says so.
    assert [decision.amount_cents for decision in moved] == [60_000, 10_000]
    assert saved(world, third) == 0
    second(world, moved[0])
    assert saved(world, third) == 60_000
    back = do(world, wish(Act.UNDO, part, undoes_id=moved[0].id), limit_cents=100_000)
    assert back.state == DecisionState.PROPOSED


def test_the_parts_of_a_small_payment_are_moved_by_one_person(world: World) -> None:
    (one, other, third), receipt = workers(world, 3), lost(world, 100_000)
    do(world, split_wish(receipt, (one, 60_000), (other, 40_000)), limit_cents=100_000)
    part = parts_of(world, receipt)[0]
    moved = do(world, wish(Act.MATCH, part, member_id=third.id), limit_cents=100_000)
    assert moved.state == DecisionState.DONE


def test_a_double_click_divides_once(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    wanted = split_wish(receipt, (one, 50_000), (other, 70_000))
    assert do(world, wanted).id == do(world, wanted).id
    with pytest.raises(NotPossible, match="not to split"):
        do(world, split_wish(receipt, (one, 50_000), (other, 70_000)))
    assert [saved(world, member) for member in (one, other)] == [50_000, 70_000]


def test_two_people_at_once_divide_once(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def decide_it() -> None:
        wanted = split_wish(receipt, (one, 50_000), (other, 70_000))
        start.wait()
        try:
            outcomes.append(do(world, wanted).state)
        except NotPossible as error:
            outcomes.append(error.why)

    threads = [threading.Thread(target=decide_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "not_to_split"]
    assert [saved(world, member) for member in (one, other)] == [50_000, 70_000]


def test_what_does_not_add_up_or_nobody_may_get_is_refused_and_changes_nothing(world: World) -> None:
    one, other = workers(world, 2)
    closed, receipt = world.member(Status.CLOSED), lost(world, ALL)
    for shares, why in (
        ((), "no shares"),
        (((one, 0), (other, 5_000)), "empty share"),
        (((one, -5), (other, 5_000)), "empty share"),
        (((one, 5_000), (one, 5_000)), "member twice"),
        (((one, ALL), (other, 1)), "more than there is"),
        (((one, ALL),), "all to one"),
        (((one, 5_000), (closed, 5_000)), "closed member"),
    ):
        with pytest.raises(NotPossible, match=why):
            do(world, split_wish(receipt, *shares))
    with pytest.raises(NotPossible, match="no member"):
        do(world, wish(Act.SPLIT, receipt, shares=(Share(uuid.uuid4(), 5_000),)))
    assert parts_of(world, receipt) == []
    assert (saved(world, one), held(world, AccountKind.SUSPENSE)) == (0, ALL)


def test_what_only_a_message_knows_of_is_not_given_to_several(world: World) -> None:
    world.confirm(world.wallet.pay_by_hand(STRANGER, ALL, "WHO", payer=STRANGER.e164))
    world.work("evidence")
    [receipt] = world.receipts()
    with pytest.raises(NotPossible, match="not confirmed"):
        do(world, split_wish(receipt, (world.member(), 50_000)))


def test_the_whole_stays_where_its_parts_are_until_it_is_joined(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    decision = do(world, split_wish(receipt, (one, 50_000)))
    gone = parts_of(world, receipt)[0]
    for wanted in (wish(Act.MATCH, receipt, member_id=other.id), wish(Act.REFUND, receipt)):
        with pytest.raises(NotPossible, match="in parts"):
            do(world, wanted)
    with pytest.raises(NotPossible, match="no owner"):
        do(world, wish(Act.REPOST, receipt))
    do(world, wish(Act.UNDO, receipt, undoes_id=decision.id))
    with pytest.raises(NotPossible, match="joined again"):
        do(world, wish(Act.MATCH, gone, member_id=other.id))


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE receipts SET amount_cents = amount_cents + 1 WHERE receipt LIKE '%-1'",
        "UPDATE receipts SET staff_place = 'rejoined' WHERE receipt LIKE '%-1'",
        "UPDATE receipts SET staff_place = 'suspense' WHERE staff_place = 'split'",
    ],
)
def test_the_database_refuses_parts_that_are_not_the_whole(world: World, forgery: str) -> None:
    one, other = workers(world, 2)
    do(world, split_wish(lost(world, ALL), (one, 50_000), (other, 60_000)))
    with pytest.raises(DBAPIError, match="parts of receipt"), world.sessions.begin() as session:
        session.execute(text(forgery))


@given(
    cents=st.integers(1, 10**9),
    shares=st.lists(st.integers(-5, 10**9), max_size=6),
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_division_is_one_only_when_nothing_is_lost_or_made(cents: int, shares: list[int]) -> None:
    wanted = [Share(uuid.uuid4(), share) for share in shares]
    try:
        rest = check_shares(cents, wanted)
    except NotPossible:
        is_division = bool(shares) and min(shares) > 0 and sum(shares) <= cents
        assert not is_division or (len(shares) == 1 and shares[0] == cents)
    else:
        assert rest + sum(shares) == cents
        assert rest >= 0
        assert min(shares) > 0
