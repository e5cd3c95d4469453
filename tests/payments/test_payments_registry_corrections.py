"""What the registry acknowledged and was then taken back: one correcting record, after it, read back."""

import uuid
from collections import Counter

import pytest
from sqlalchemy import select

from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.alerts.service import AlertKind, open_alerts
from payments.ledger.service import savings
from payments.receipts.tables import Receipt
from payments.reconciliation.proof import break_evidence
from payments.reconciliation.tables import Break
from payments.registry_postings.corrections import CorrectionState
from payments.registry_postings.model import Booking
from payments.registry_postings.tables import RegistryCorrection
from payments.suspense.model import Act, NotPossible, Share
from tests.payments.deciding import do, states, wish
from tests.payments.world import World


def correction(world: World) -> RegistryCorrection:
    with world.sessions.begin() as session:
        return session.scalars(select(RegistryCorrection)).one()


def saved(world: World, member: MemberRow) -> int:
    with world.sessions.begin() as session:
        return savings(session, member.id).amount_cents


def acknowledged(world: World) -> MemberRow:
    """A member whose KES 50 are at the registry."""
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=2)
    assert len(world.registry.stored) == 1
    return member


def taken_back(world: World) -> None:
    world.wallet.take_back("SKL0000001")
    world.add_task("pull", {"wallet": "mpesa", "shortcode": world.wallet.shortcode})


def test_a_reversal_is_told_to_the_registry_and_read_back(world: World) -> None:
    member = acknowledged(world)
    [first] = world.registry.posts
    taken_back(world)
    world.settle(minutes=2)
    assert saved(world, member) == 0
    [_, second] = world.registry.posts
    assert (second.corrects, second.member_number) == (first.reference_id, member.number)
    assert (second.amount, second.receipt, second.period) == (first.amount, first.receipt, first.period)
    assert second.reference_id not in {first.reference_id, uuid.UUID(int=0)}
    row = correction(world)
    assert (row.state, row.why, row.reference_id) == ("acknowledged", "reversed", second.reference_id)
    # Nobody corrects again by hand what the registry counts no more.
    world.reconcile()
    with world.sessions() as session:
        found = session.scalars(select(Break).where(Break.break_class == "reversed_after_credit")).one()
        told = [proof.says for proof in break_evidence(session, found.id) if proof.source == "registry"]
    assert told == ["acknowledged", "void"]


def test_a_refund_of_a_double_payment_is_told_too(world: World) -> None:
    member = acknowledged(world)
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=2)
    world.write("refund_wish", member, "SKL0000002")
    world.settle(minutes=2)
    assert [record.corrects for record in world.registry.posts[:2]] == [None, None]
    assert world.registry.posts[2].corrects == world.registry.posts[1].reference_id
    assert (correction(world).state, correction(world).why) == ("acknowledged", "refunded")


def test_what_the_registry_never_heard_of_is_not_corrected(world: World) -> None:
    world.registry.is_down = True
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.work("evidence")
    taken_back(world)
    world.settle(minutes=1)
    world.registry.is_down = False
    world.settle(minutes=10)
    assert world.registry.stored == {}
    assert correction(world).state == CorrectionState.NOT_NEEDED


@pytest.mark.parametrize("trouble", ["is_down", "forgets", "loses_answers"])
def test_whatever_the_registry_does_there_is_one_correction_in_the_end(world: World, trouble: str) -> None:
    acknowledged(world)
    setattr(world.registry, trouble, 1)
    taken_back(world)
    world.settle(minutes=3)
    world.registry.is_down = False
    world.settle(minutes=20)
    assert len(world.registry.stored) == 2
    assert correction(world).state == "acknowledged"


def test_a_correction_that_is_not_decided_yet_is_waited_for_and_told_once(world: World) -> None:
    acknowledged(world)
    world.registry.booking = Booking.PENDING
    taken_back(world)
    world.settle(minutes=5)
    assert correction(world).state == "posted"
    # What makes another record void does not count itself.
    world.registry.booking = Booking.REJECTED
    world.settle(minutes=10)
    assert correction(world).state == "acknowledged"
    assert len(world.registry.posts) == 2


@pytest.mark.parametrize(("given_back_by", "why"), [("wallet", "reversed"), ("us", "no owner")])
def test_what_was_refused_and_then_given_back_is_not_told_again(
    world: World, given_back_by: str, why: str
) -> None:
    member = acknowledged(world)
    world.registry.refuses = "rjct.amount.invalid"
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=2)
    world.reconcile()
    assert states(world)["rejected_by_registry"] == "open"
    world.registry.refuses = ""
    if given_back_by == "wallet":
        world.wallet.take_back("SKL0000002")
        world.add_task("pull", {"wallet": "mpesa", "shortcode": world.wallet.shortcode})
    else:
        world.write("refund_wish", member, "SKL0000002")
    world.settle(minutes=2)
    with pytest.raises(NotPossible, match=why):
        do(world, wish(Act.REPOST, world.receipts()[1]))
    world.settle(minutes=2)
    assert world.registry.counts_cents == saved(world, member) == 5000
    world.reconcile()
    assert states(world)["rejected_by_registry"] == "resolved"


def test_a_refused_correction_is_for_staff(world: World) -> None:
    acknowledged(world)
    world.registry.refuses = "rjct.reference_id.invalid"
    taken_back(world)
    world.settle(minutes=2)
    assert correction(world).state == "rejected"
    with world.sessions.begin() as session:
        assert AlertKind.CORRECTION_REFUSED in {alert.kind for alert in open_alerts(session)}


def test_what_is_read_back_differently_is_not_believed(world: World) -> None:
    acknowledged(world)
    world.registry.changes_amount_by_cents = 100
    taken_back(world)
    world.settle(minutes=2)
    assert correction(world).state == "rejected"


def refund_failed(world: World, *, registry_is_down: bool = False) -> tuple[MemberRow, Receipt]:
    """A member who asked for one of two acknowledged payments back, which could not be paid out."""
    member = acknowledged(world)
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=2)
    assert world.registry.counts_cents == 10_000
    world.payouts.fails_with = "2001"
    world.registry.is_down = registry_is_down
    world.write("refund_wish", member, "SKL0000002")
    world.work()
    world.hear_of_orders()
    world.settle(minutes=1)
    return member, world.receipts()[1]


def counted(world: World) -> dict[str, int]:
    """What the registry counts for each member number."""
    void = {*world.registry.corrects, *world.registry.corrects.values()}
    cents: Counter[str] = Counter()
    for name, record in world.registry.stored.items():
        cents[record.member_number] += 0 if name in void else record.amount.amount_cents
    return dict(cents)


@pytest.mark.parametrize("back_to", ["the same", "another"])
def test_what_comes_back_after_a_failed_refund_is_told_anew(world: World, back_to: str) -> None:
    member, receipt = refund_failed(world)
    assert world.registry.counts_cents == 5000
    owner = member if back_to == "the same" else world.member()
    do(world, wish(Act.MATCH, receipt, member_id=owner.id))
    world.settle(minutes=2)
    assert counted(world)[owner.number] == saved(world, owner)
    assert world.registry.counts_cents == 10_000
    [_, first, void, again] = world.registry.posts
    assert (void.corrects, again.corrects) == (first.reference_id, None)
    assert again.reference_id not in {first.reference_id, void.reference_id}
    proof = world.proof()
    assert (proof.acknowledged, proof.corrected) == (2, 0)


def test_what_the_registry_was_not_told_before_its_refund_failed_is_told_when_it_comes_back(
    world: World,
) -> None:
    member = acknowledged(world)
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    for _ in range(6):
        world.work("evidence", "pull")
        world.clock.forward(seconds=5)
    world.payouts.fails_with = "2001"
    world.write("refund_wish", member, "SKL0000002")
    world.work("refund")
    world.hear_of_orders()
    world.settle(minutes=2)
    assert (world.registry.counts_cents, correction(world).state) == (5000, CorrectionState.NOT_NEEDED)
    do(world, wish(Act.MATCH, world.receipts()[1], member_id=member.id))
    world.settle(minutes=2)
    assert world.registry.counts_cents == saved(world, member) == 10_000


def test_while_the_registry_is_told_of_a_refund_its_money_goes_to_nobody(world: World) -> None:
    member, receipt = refund_failed(world, registry_is_down=True)
    other = world.member()
    with pytest.raises(NotPossible, match="at registry now"):
        do(world, wish(Act.MATCH, receipt, member_id=member.id))
    do(world, wish(Act.SUSPEND, receipt))
    shares = (Share(member.id, 2000), Share(other.id, 3000))
    with pytest.raises(NotPossible, match="at registry now"):
        do(world, wish(Act.SPLIT, receipt, shares=shares))
    assert saved(world, member) == 5000
    world.registry.is_down = False
    world.settle(minutes=6)
    assert (correction(world).state, world.registry.counts_cents) == ("acknowledged", 5000)
    do(world, wish(Act.SPLIT, receipt, shares=shares))
    world.settle(minutes=2)
    assert counted(world) == {member.number: 7000, other.number: 3000}
    assert (saved(world, member), saved(world, other)) == (7000, 3000)


def test_what_the_registry_would_not_make_void_still_counts_there_when_it_comes_back(world: World) -> None:
    member = acknowledged(world)
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=2)
    world.payouts.fails_with = "2001"
    world.registry.refuses = "rjct.reference_id.invalid"
    world.write("refund_wish", member, "SKL0000002")
    world.work()
    world.hear_of_orders()
    world.settle(minutes=1)
    assert (correction(world).state, world.registry.counts_cents) == ("rejected", 10_000)
    world.registry.refuses = ""
    do(world, wish(Act.MATCH, world.receipts()[1], member_id=member.id))
    world.settle(minutes=2)
    assert world.registry.counts_cents == saved(world, member) == 10_000


def test_the_evidence_says_how_far_a_correction_is(world: World) -> None:
    acknowledged(world)
    taken_back(world)
    world.settle(minutes=2)
    world.reconcile()

    def says(state: CorrectionState) -> list[str]:
        with world.sessions.begin() as session:
            session.scalars(select(RegistryCorrection)).one().state = state
        with world.sessions() as session:
            found = session.scalars(select(Break).where(Break.break_class == "reversed_after_credit")).one()
            return [each.says for each in break_evidence(session, found.id) if each.source == "registry"][1:]

    assert {state: says(state) for state in CorrectionState} == {
        CorrectionState.PENDING: ["void_waiting"],
        CorrectionState.POSTED: ["voiding"],
        CorrectionState.ACKNOWLEDGED: ["void"],
        CorrectionState.REJECTED: ["void_refused"],
        CorrectionState.NOT_NEEDED: [],
    }
