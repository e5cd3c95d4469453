"""A payer whom the wallet hides: the list is waited for, and decides."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from core.outbox import OutboxRow
from members.tables import MemberRow
from payments.receipts.model import NAMED_ONCE, PAYER_UNNAMED
from payments.receipts.tables import Receipt
from payments.suspense.model import Place
from payments.suspense.places import Standing, move
from tests.payments.hand_payers import STRANGER, pay, phone_of
from tests.payments.world import World

MASKED = {"payer_mask": "2547 ***** 999"}


@pytest.mark.parametrize("hidden", [MASKED, {"payer_name": "WANJIKU"}])
def test_a_number_waits_for_the_list_to_name_the_payer(world: World, hidden: dict[str, object]) -> None:
    """The wallet hides who paid; seconds later its list says that it was the phone of another member."""
    named, payer = world.member(), world.member()
    receipt = pay(world, phone_of(payer), named.number, **hidden)
    assert (receipt.member_id, receipt.match_why) == (None, "the wallet has not named the payer yet")
    assert world.messages() == []
    world.settle(minutes=1)
    [receipt] = world.receipts()
    assert (receipt.member_id, receipt.match_why) == (None, "reference and payer point to two members")
    assert world.messages() == ["named", "right_number"]


def test_a_number_of_a_hidden_payer_is_credited_when_the_list_is_read(world: World) -> None:
    member = world.member()
    assert pay(world, phone_of(member), member.number, **MASKED).member_id is None
    world.settle(minutes=1)
    [receipt] = world.receipts()
    assert (receipt.member_id, receipt.match_step) == (member.id, "member_number")
    assert world.messages() == ["receipt"]
    with world.sessions.begin() as session:
        waiting = select(OutboxRow.id).where(OutboxRow.topic == "unnamed_payer", OutboxRow.state == "pending")
        assert session.scalars(waiting).all() == [], "nothing is left to be decided later"


def test_a_mask_of_the_members_own_phone_is_enough_at_once(world: World) -> None:
    member = world.member()
    mask = f"2547 ***** {member.phone[-3:]}"
    assert pay(world, phone_of(member), member.number, payer_mask=mask).member_id == member.id


def test_a_mask_that_fits_by_chance_is_not_enough_beside_another_name(world: World) -> None:
    member = world.member()
    with world.sessions.begin() as session:
        session.get_one(MemberRow, member.id).masked_name = "W****** M*****"
    mask = {"payer_mask": f"2547 ***** {member.phone[-3:]}"}
    assert pay(world, STRANGER, member.number, payer_name="OTIENO", **mask).member_id is None
    assert pay(world, STRANGER, member.number, payer_name="WANJIKU", **mask).member_id == member.id


def test_a_list_that_names_nobody_ends_the_waiting(world: World) -> None:
    """Nobody knows who paid: the member named is asked, and who paid knows the code."""
    member = world.member()
    pay(world, STRANGER, member.number, **MASKED)
    world.wallet.lines[-1] = replace(world.wallet.lines[-1], payer=None)
    world.settle(minutes=11, step_seconds=60)
    [receipt] = world.receipts()
    assert (receipt.member_id, receipt.match_why) == (None, NAMED_ONCE)
    assert world.messages() == ["named"]
    world.write("claim", member, receipt.receipt)
    assert world.receipts()[0].member_id == member.id
    assert world.proof().holds


def test_a_list_that_is_away_is_waited_for_a_day_at_most(world: World) -> None:
    member = world.member()
    world.wallet.fail_after_pages = 0
    pay(world, STRANGER, member.number, **MASKED)
    world.settle(minutes=60, step_seconds=300)
    assert world.receipts()[0].match_why == PAYER_UNNAMED
    world.clock.forward(hours=24)
    world.work("unnamed_payer")
    assert world.receipts()[0].match_why == NAMED_ONCE


def test_what_staff_decided_while_the_payer_was_hidden_stays(world: World) -> None:
    member, other = world.member(), world.member()
    receipt = pay(world, STRANGER, member.number, **MASKED)
    with world.sessions.begin() as session:
        found = session.get_one(Receipt, receipt.id)
        move(
            session,
            found,
            Standing(Place.MEMBER, other.id),
            key="staff",
            corrects=None,
            now=world.clock.now(),
        )
    world.settle(minutes=12, step_seconds=60)
    assert world.receipts()[0].member_id == other.id
