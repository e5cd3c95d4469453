"""One payment for several members: divided to the cent, once, told, posted, undone, taken back as a whole."""

import threading
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from core.audit import AuditEntry
from core.phone import PhoneNumber
from members.model import Status
from members.tables import MemberRow
from payments.claims.model import AlreadyYours
from payments.claims.service import claim
from payments.claims.view import claims_for_staff
from payments.contributions.tables import Contribution
from payments.ledger.model import AccountKind
from payments.ledger.tables import LedgerTransfer
from payments.model import EvidenceChannel, PaymentState
from payments.receipts.parts import live_parts
from payments.receipts.tables import Receipt
from payments.reconciliation.proof import break_evidence
from payments.reconciliation.tables import Break, ReconciliationRun
from payments.reconciliation.view import day_totals
from payments.registry_postings.tables import RegistryCorrection, RegistryPosting
from payments.suspense.model import Act, DecisionState, NotPossible, Share
from payments.suspense.splitting import check_shares
from payments.suspense.tables import Decision
from payments.suspense.view import suspense_page, suspense_total
from payments.view import payment_way, statement_of
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.test_payments_decisions import (
    CHECKER,
    MAKER,
    STRANGER,
    do,
    held,
    kept,
    lost,
    saved,
    second,
    wish,
)
from tests.payments.world import START, World

ALL = 120_000


def split_wish(receipt: Receipt, *shares: tuple[MemberRow, int], **about: Any) -> Any:
    return wish(
        Act.SPLIT, receipt, shares=tuple(Share(member.id, cents) for member, cents in shares), **about
    )


def parts_of(world: World, whole: Receipt) -> list[Receipt]:
    with world.sessions.begin() as session:
        return list(live_parts(session, whole.id))


def workers(world: World, count: int = 4) -> list[MemberRow]:
    return [world.member() for _ in range(count)]


def credited(world: World, cents: int = ALL) -> tuple[MemberRow, Receipt]:
    """Money that named a member, confirmed, posted and read back."""
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), cents, member.number))
    world.settle(minutes=1)
    [receipt] = [one for one in world.receipts() if one.member_id == member.id]
    return member, receipt


def states(world: World) -> dict[tuple[str, str], str]:
    with world.sessions.begin() as session:
        return {(row.break_class, row.subject): row.state for row in session.scalars(select(Break))}


def last_run(world: World) -> ReconciliationRun:
    run_id = world.reconcile()
    with world.sessions.begin() as session:
        return session.get_one(ReconciliationRun, run_id)


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


def test_the_wallet_takes_every_part_back_and_never_more_than_there_was(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (one, 50_000), (other, 30_000)))
    world.settle(minutes=1)
    world.wallet.take_back(receipt.receipt)
    world.confirm(world.wallet.pay_by_hand(STRANGER, 100, "X"))
    world.settle(minutes=2)
    assert kept(world, receipt).reversed_at is not None
    assert [saved(world, member) for member in (one, other)] == [0, 0]
    assert held(world, AccountKind.SUSPENSE) == 100
    assert held(world, AccountKind.WALLET_FLOAT) == -100
    assert world.registry.counts_cents == 0
    assert world.messages().count("reversed") == 2
    with world.sessions.begin() as session:
        assert [line.state for line in statement_of(session, one.id, 5)] == [PaymentState.REVERSED]
    for part in parts_of(world, receipt):
        with pytest.raises(NotPossible, match="reversed"):
            do(world, wish(Act.SUSPEND, part))
    with pytest.raises(NotPossible, match="reversed"):
        do(world, split_wish(receipt, (one, 1)))
    assert world.proof().holds


def test_parts_of_parts_are_taken_back_with_the_rest(world: World) -> None:
    """A rest that was divided further, and a part that was matched: each once, from where it stands."""
    one, other, third = workers(world, 3)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (one, 50_000)))
    do(world, split_wish(parts_of(world, receipt)[-1], (other, 30_000), (third, 20_000)))
    do(world, wish(Act.MATCH, parts_of(world, receipt)[-1], member_id=one.id))
    world.settle(minutes=1)
    assert [saved(world, member) for member in (one, other, third)] == [70_000, 30_000, 20_000]
    world.wallet.take_back(receipt.receipt)
    world.confirm(world.wallet.pay_by_hand(STRANGER, 100, "X"))
    world.settle(minutes=2)
    assert [saved(world, member) for member in (one, other, third)] == [0, 0, 0]
    assert held(world, AccountKind.WALLET_FLOAT) == -100
    assert world.registry.counts_cents == 0
    assert world.messages().count("reversed") == 4
    assert world.proof().holds


def test_after_the_wallet_took_it_back_no_decision_moves_any_part_of_it(world: World) -> None:
    """A rest that was divided, its parts, parts joined again, the whole: whatever is asked, nothing moves."""
    a, b, c = workers(world, 3)
    receipt = lost(world, ALL)
    outer = do(world, split_wish(receipt, (a, 50_000)))
    rest = parts_of(world, receipt)[-1]
    first = do(world, split_wish(rest, (b, 60_000)))
    [_, *joined] = parts_of(world, receipt)
    do(world, wish(Act.UNDO, rest, undoes_id=first.id))
    inner = do(world, split_wish(rest, (b, 30_000), (c, 20_000)))
    [_, _, _, last] = parts = parts_of(world, receipt)
    matched = do(world, wish(Act.MATCH, last, member_id=a.id))
    world.settle(minutes=1)
    world.wallet.take_back(receipt.receipt)
    world.confirm(world.wallet.pay_by_hand(STRANGER, 100, "X"))
    world.settle(minutes=2)
    everyone = [receipt, rest, *joined, *parts]
    assert all(kept(world, one).reversed_at is not None for one in everyone)
    wanted = [
        wish(Act.UNDO, rest, undoes_id=inner.id),
        wish(Act.UNDO, receipt, undoes_id=outer.id),
        wish(Act.UNDO, last, undoes_id=matched.id),
    ]
    for one in everyone:
        wanted += [wish(Act.MATCH, one, member_id=c.id), wish(Act.SUSPEND, one), wish(Act.REFUND, one)]
        wanted += [split_wish(one, (a, 1), (b, 1))]
    for each in wanted:
        with pytest.raises(NotPossible, match="reversed"):
            do(world, each)
    assert [saved(world, member) for member in (a, b, c)] == [0, 0, 0]
    assert held(world, AccountKind.SUSPENSE) == 100
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0
    assert world.proof().holds


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


def test_what_was_set_aside_for_the_payer_is_taken_back_from_there(world: World) -> None:
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (world.member(), 50_000)))
    do(world, wish(Act.REFUND, parts_of(world, receipt)[-1]))
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 70_000
    world.wallet.take_back(receipt.receipt)
    world.confirm(world.wallet.pay_by_hand(STRANGER, 100, "X"))
    world.settle(minutes=2)
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0
    assert world.payouts.paid == {}
    assert world.proof().holds


def test_what_speaks_for_a_part_is_what_the_wallet_said_of_the_whole(world: World) -> None:
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (world.member(), 50_000)))
    world.reconcile()
    with world.sessions.begin() as session:
        found = session.scalars(select(Break).where(Break.subject == f"{receipt.receipt}-2")).one()
        proofs = break_evidence(session, found.id)
    assert {proof.source for proof in proofs} >= {"c2b_confirmation", "pull", "receipt", "ledger"}
    assert {proof.amount_cents for proof in proofs} == {ALL, 70_000}


def test_a_rest_goes_back_to_the_payers_phone_and_is_never_reversed_whole(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (one, 50_000), (other, 30_000)))
    rest = parts_of(world, receipt)[-1]
    do(world, wish(Act.REFUND, rest))
    world.add_task("refunds", {})
    world.settle(minutes=2)
    world.hear_of_orders()
    world.settle(minutes=2)
    [paid] = world.payouts.paid.values()
    assert (paid.amount.amount_cents, paid.phone) == (40_000, STRANGER)
    assert world.proof().refunded_cents == 40_000
    assert [saved(world, member) for member in (one, other)] == [50_000, 30_000]
    assert world.proof().holds


def test_a_rest_with_cents_is_not_put_where_the_wallet_cannot_pay_it_out(world: World) -> None:
    receipt = lost(world, ALL)
    decision = do(world, split_wish(receipt, (world.member(), 50_050)))
    with pytest.raises(NotPossible, match="cents not sent"):
        do(world, wish(Act.REFUND, parts_of(world, receipt)[-1]), limit_cents=0)
    assert held(world, AccountKind.SUSPENSE) == 69_950
    do(world, wish(Act.UNDO, receipt, undoes_id=decision.id))
    do(world, split_wish(receipt, (world.member(), 50_000)))
    do(world, wish(Act.REFUND, parts_of(world, receipt)[-1]))
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 70_000


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


def test_a_day_with_a_divided_payment_agrees_on_all_three_sides(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (one, 50_000), (other, 30_000)))
    world.settle(minutes=1)
    run = last_run(world)
    assert states(world) == {
        ("suspense", receipt.receipt): "resolved",
        ("suspense", f"{receipt.receipt}-3"): "open",
    }
    assert (run.received, run.received_cents, run.confirmed) == (1, ALL, 1)
    assert (run.posted, run.posted_cents) == (0, 80_000)
    assert (run.wallet_in_cents, run.acknowledged_cents) == (ALL, 80_000)
    do(world, wish(Act.MATCH, parts_of(world, receipt)[-1], member_id=one.id))
    world.settle(minutes=1)
    run = last_run(world)
    assert (run.received, run.posted, run.acknowledged) == (1, 1, 1)
    assert (run.received_cents, run.acknowledged_cents, run.breaks_open) == (ALL, ALL, 0)
    with world.sessions.begin() as session:
        totals = day_totals(session, world.calendar, world.calendar.day_of(START))
    assert totals.received == totals.confirmed == totals.posted == totals.acknowledged
    assert (totals.received.count, totals.received.amount_cents) == (1, ALL)
    assert totals.suspense.count == 0


def test_what_the_registry_has_otherwise_is_a_difference_of_that_part_and_is_posted_again(
    world: World,
) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    world.registry.refuses = "rjct.amount.invalid"
    do(world, split_wish(receipt, (one, 50_000), (other, 70_000)))
    world.settle(minutes=1)
    world.reconcile()
    assert {name: state for name, state in states(world).items() if state == "open"} == {
        ("rejected_by_registry", f"{receipt.receipt}-{place}"): "open" for place in (1, 2)
    }
    world.registry.refuses = ""
    for part in parts_of(world, receipt):
        do(world, wish(Act.REPOST, part))
    world.settle(minutes=1)
    world.reconcile()
    assert set(states(world).values()) == {"resolved"}
    assert world.registry.counts_cents == ALL


def test_who_claims_the_payment_that_was_divided_hears_of_their_part(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    with world.sessions.begin() as session:
        claim(session, one.id, receipt.receipt, now=world.clock.now())
        assert len(claims_for_staff(session)) == 1
    do(world, split_wish(receipt, (one, 50_000), (other, 70_000)))
    with world.sessions.begin() as session:
        assert claims_for_staff(session) == []
        outcome = claim(session, one.id, receipt.receipt, now=world.clock.now())
    assert isinstance(outcome, AlreadyYours)
    assert (outcome.amount.amount_cents, outcome.receipt) == (50_000, f"{receipt.receipt}-1")


def test_who_paid_for_another_sees_a_divided_payment_go_its_way_with_its_parts(world: World) -> None:
    owner, receipt = credited(world)
    asker, other = workers(world, 2)
    world.ask_to_save(owner, ALL)
    with world.sessions.begin() as session:
        asked = session.scalars(select(Contribution)).one()
        asked.asked_by, asked.receipt_id, asked.state = asker.id, receipt.id, "paid"

    def seen() -> list[tuple[int, PaymentState]]:
        with world.sessions.begin() as session:
            return [
                (line.amount.amount_cents, line.state)
                for line in statement_of(session, asker.id, 5)
                if line.receipt == receipt.receipt
            ]

    assert seen() == [(ALL, PaymentState.ACKNOWLEDGED)]
    do(world, split_wish(receipt, (owner, 50_000), (other, 30_000)))
    world.settle(minutes=2)
    assert seen() == [(ALL, PaymentState.CONFIRMED)]
    do(world, wish(Act.MATCH, parts_of(world, receipt)[-1], member_id=other.id))
    world.settle(minutes=2)
    assert seen() == [(ALL, PaymentState.ACKNOWLEDGED)]


def test_a_part_of_a_payment_with_a_long_code_can_be_claimed_by_its_code(world: World) -> None:
    world.wallet.receipts_to_give = ["MP261122.1405.L06941"]
    receipt = lost(world, ALL)
    one, other = workers(world, 2)
    do(world, split_wish(receipt, (one, 50_000), (other, 70_000)))
    with world.sessions.begin() as session:
        outcome = claim(session, one.id, "mp261122.1405.l06941-1", now=world.clock.now())
    assert isinstance(outcome, AlreadyYours)
    assert (outcome.amount.amount_cents, outcome.receipt) == (50_000, "MP261122.1405.L06941-1")


def test_more_evidence_of_a_divided_payment_moves_nothing(world: World) -> None:
    one, other = workers(world, 2)
    body = world.wallet.pay_by_hand(STRANGER, ALL, "WHO")
    world.confirm(body)
    world.settle(minutes=1)
    [receipt] = world.receipts()
    do(world, split_wish(receipt, (one, 50_000), (other, 60_000)))
    world.confirm(body)
    world.settle(minutes=2)
    assert [saved(world, member) for member in (one, other)] == [50_000, 60_000]
    assert held(world, AccountKind.SUSPENSE) == 10_000
    assert world.proof().receipts == 1


@pytest.mark.parametrize("told_by", ["list", "message", "prompt"])
def test_other_money_with_the_code_of_a_part_is_a_difference_and_never_taken_for_the_part(
    world: World, told_by: str
) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (one, 50_000), (other, 70_000)))
    world.settle(minutes=1)
    code = f"{receipt.receipt}-1"
    world.wallet.receipts_to_give = [code]
    if told_by == "prompt":
        world.ask_to_save(one, 50_000)
        world.settle(minutes=1)
        [checkout] = world.wallet.prompts
        world.tell(EvidenceChannel.STK_CALLBACK, world.wallet.end(checkout, "0"))
    else:
        body = world.wallet.pay_by_hand(PhoneNumber(one.phone), 50_000, one.number)
        if told_by == "message":
            world.confirm(body)
    # So that the list is read.
    world.confirm(world.wallet.pay_by_hand(STRANGER, 100, "X"))
    world.settle(minutes=30)
    world.reconcile()
    found = {name: state for name, state in states(world).items() if name[1] == code}
    assert found.pop(("not_in_ledger", code)) == "open"
    assert found == ({} if told_by == "list" else {("mismatch", code): "open"})
    assert [saved(world, member) for member in (one, other)] == [50_000, 70_000]
    assert {kept(world, part).amount_cents for part in parts_of(world, receipt)} == {50_000, 70_000}
    world.reconcile()
    assert states(world)["not_in_ledger", code] == "open"
    assert world.proof().holds


def test_a_code_that_another_payment_has_is_given_to_no_part(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    world.wallet.receipts_to_give = [f"{receipt.receipt}-2"]
    world.confirm(world.wallet.pay_by_hand(STRANGER, 700, "X"))
    world.settle(minutes=1)
    do(world, split_wish(receipt, (one, 50_000), (other, 70_000)))
    assert [part.receipt[-2:] for part in parts_of(world, receipt)] == ["-1", "-3"]


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


def test_a_split_leaves_one_posting_for_each_part_and_none_for_the_whole(world: World) -> None:
    owner, receipt = credited(world)
    other = world.member()
    do(world, split_wish(receipt, (owner, 100_000), (other, 20_000)))
    with world.sessions.begin() as session:
        postings = set(session.scalars(select(RegistryPosting.receipt_id)))
        assert postings == {part.id for part in live_parts(session, receipt.id)}
        correction = session.scalars(select(RegistryCorrection)).one()
        assert (correction.corrects, correction.why) == (receipt.id, "split")
        assert len(session.scalars(select(Decision)).all()) == 1


def test_the_shortcode_of_a_part_is_its_wholes(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (one, 50_000), (other, 60_000)))
    assert {(part.wallet, part.shortcode, part.payer_index) for part in parts_of(world, receipt)} == {
        ("mpesa", SHORTCODE, kept(world, receipt).payer_index)
    }
