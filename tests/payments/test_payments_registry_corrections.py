"""What the registry acknowledged and was then taken back: one correcting record, after it, read back."""

import uuid

import pytest
from sqlalchemy import select

from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.alerts.service import AlertKind, open_alerts
from payments.ledger.service import savings
from payments.registry_postings.corrections import CorrectionState
from payments.registry_postings.tables import RegistryCorrection
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
