"""Suggestions: the right member near what was typed comes first, with reasons, and nobody out of nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.particulars import Particulars
from payments.receipts.tables import Receipt
from payments.suspense.suggesting import Suggestion, name_fits, suggest
from payments.suspense.typing_slips import near
from tests.payments.world import World

STRANGER = PhoneNumber("+254733000111")


def paid(
    world: World, account: str, payer: PhoneNumber = STRANGER, changed: dict[str, str] | None = None
) -> Receipt:
    world.confirm(world.wallet.pay_by_hand(payer, 5000, account))
    world.work("evidence")
    with world.sessions.begin() as session:
        receipt = session.query(Receipt).order_by(Receipt.recorded_at.desc(), Receipt.id.desc()).first()
        assert receipt is not None
        if changed:
            known = Particulars.from_json(receipt.particulars)
            receipt.particulars = replace(known, **changed).to_json()
            receipt.payer_index = None
        return receipt


def suggestions(world: World, receipt: Receipt) -> list[Suggestion]:
    with world.sessions.begin() as session:
        return list(suggest(session, session.get_one(Receipt, receipt.id)))


def slip(number: str) -> str:
    """One wrong digit: the check digit catches it, so that no other member has this number."""
    return number[:4] + str((int(number[4]) + 3) % 10) + number[5:]


def test_a_number_with_one_wrong_digit_suggests_its_member(world: World) -> None:
    members = [world.member() for _ in range(5)]
    for member in members:
        [first, *_] = suggestions(world, paid(world, slip(member.number)))
        assert (first.member_id, first.reasons[0]) == (member.id, "number_near")


@pytest.mark.parametrize(
    "typed",
    [
        lambda number: number[:-1],
        lambda number: number + "5",
        lambda number: number[1:],
        lambda number: number.replace("0", "O", 1),
        lambda number: number[:4] + number[5] + number[4] + number[6:],
    ],
)
def test_slips_of_other_kinds_too(world: World, typed: object) -> None:
    assert callable(typed)
    member = [world.member() for _ in range(3)][1]
    found = suggestions(world, paid(world, typed(member.number)))
    assert member.id in {each.member_id for each in found[:3]}


def test_the_phone_that_paid_makes_a_near_number_surer(world: World) -> None:
    member = world.member()
    by_stranger = suggestions(world, paid(world, slip(member.number)))[0]
    own_phone = suggestions(world, paid(world, slip(member.number), PhoneNumber(member.phone)))[0]
    assert own_phone.confidence > by_stranger.confidence
    assert "payer_is" in own_phone.reasons


def test_two_members_pointed_to_are_both_shown_and_neither_is_sure(world: World) -> None:
    named, payer = world.member(), world.member()
    found = suggestions(world, paid(world, named.number, PhoneNumber(payer.phone)))
    assert {each.member_id for each in found} == {named.id, payer.id}
    assert all(each.confidence < 60 for each in found)
    assert "payer_is_other" in next(each for each in found if each.member_id == named.id).reasons


def test_whom_a_phone_paid_for_before_is_suggested(world: World) -> None:
    member = world.member()
    world.say_yes(STRANGER, paid(world, member.number).receipt)
    [found] = suggestions(world, paid(world, "HOME"))
    assert found.member_id == member.id
    assert found.reasons == ("paid_for_before", "usual_amount")


def test_a_mask_and_a_name_speak_for_somebody_and_find_nobody(world: World) -> None:
    member = world.member()
    with world.sessions.begin() as session:
        session.execute(update(MemberRow).where(MemberRow.id == member.id).values(masked_name="W***** M****"))
    mask = f"{member.phone[1:5]} ***** {member.phone[-3:]}"
    name = {"payer": "", "payer_mask": mask, "name": "WANGUI JANE MWALE"}
    [found] = suggestions(world, paid(world, slip(member.number), changed=name))
    assert found.reasons == ("number_near", "mask_fits", "name_fits")
    assert suggestions(world, paid(world, "SOMETHING", changed=name)) == []


def test_nothing_known_suggests_nobody(world: World) -> None:
    world.member()
    assert suggestions(world, paid(world, "WHO")) == []


def test_suggesting_changes_nothing(world: World) -> None:
    member = world.member()
    receipt = paid(world, slip(member.number))
    before = world.proof()
    suggestions(world, receipt)
    assert world.proof() == before
    assert world.receipts()[0].member_id is None


@pytest.mark.parametrize(
    ("name", "masked", "fits"),
    [
        ("WANGUI MWALE", "W***** M****", True),
        ("MWALE, WANGUI JANE", "W***** M****", True),
        ("WANGU MWALE", "W***** M****", False),
        ("WANGUI", "W***** M****", False),
        ("", "W*****", False),
        ("WANGUI", "", False),
    ],
)
def test_a_name_fits_its_mask_in_any_order(name: str, masked: str, fits: bool) -> None:
    assert name_fits(name, masked) is fits


@given(st.text("0123456789", min_size=1, max_size=12), st.data())
def test_a_slip_can_be_slipped_back(digits: str, data: st.DataObject) -> None:
    slipped = data.draw(st.sampled_from(sorted(near(digits))))
    assert slipped == "" or digits in near(slipped)


def test_overlong_input_has_no_slips() -> None:
    assert near("1" * 200) == set()
    assert near("") == set()
