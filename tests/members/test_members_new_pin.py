"""A forgotten PIN: staff let the member choose anew, who must know their paper's number in that very call."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from core.audit import AuditEntry
from core.errors import InvalidValue
from core.ids import new_id
from core.phone import PhoneNumber
from members.documents import OtherDocument
from members.model import Member, Status
from members.new_pin import Chosen, PinStanding, Shown
from members.pins import Locked, Right, Verdict, Wrong
from members.tables import PhoneChangeRow, PinRow
from tests.members.members_world import ID, NOON, PHONE, World

REASON = "She rang, and knew her last three payments"
NEW_PHONE = PhoneNumber.parse("0733222111")
CALL = "call-1"


def check(world: World, pin: str, key: str = "") -> Verdict:
    with world.sessions.begin() as session:
        return world.members.pins.check(session, world.member().id, pin, key=key)


def allow(world: World, member: Member) -> None:
    with world.sessions.begin() as session:
        world.members.new_pins.allow(session, member.id, staff="staff:1", reason=REASON)


def withdraw(world: World, member: Member) -> None:
    with world.sessions.begin() as session:
        world.members.new_pins.withdraw(session, member.id, staff="staff:1", reason=REASON)


def show(world: World, member: Member, number: str = ID.digits, call: str = CALL) -> Shown:
    with world.sessions.begin() as session:
        return world.members.new_pins.show(session, member, number, call=call)


def choose(world: World, member: Member, pin: str = "7305", call: str = CALL) -> Chosen:
    sealed = world.members.pins.hash_new(pin)
    with world.sessions.begin() as session:
        return world.members.new_pins.choose(session, member, sealed, call=call)


def change(world: World, member: Member, pin: str = "7305", call: str = CALL) -> Chosen:
    sealed = world.members.pins.hash_new(pin)
    with world.sessions.begin() as session:
        return world.members.new_pins.change(session, member, sealed, call=call)


def standing(world: World, member: Member) -> PinStanding:
    with world.sessions() as session:
        return world.members.new_pins.standing(session, member.id)


def acts(world: World) -> list[tuple[str, str, str]]:
    with world.sessions() as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.action.like("pin.%")).order_by(AuditEntry.number)
        )
        return [(entry.action, entry.actor, entry.reason) for entry in entries]


def test_the_old_pin_opens_nothing_and_the_lock_is_lifted_once_staff_allow_a_new_one(world: World) -> None:
    member = world.joined(pin="4821")
    for pin in ("1111", "2222", "3333"):
        check(world, pin)
    allow(world, member)
    assert isinstance(check(world, "4821"), Locked)
    assert standing(world, member) is PinStanding.TO_CHOOSE
    with world.sessions() as session:
        assert world.members.new_pins.choose_until(session, member.id) == NOON + timedelta(hours=24)
    assert world.told()[-1] == "pin_allowed"
    assert world.task("message").payload["values"] == {"hours": 24}
    assert acts(world) == [("pin.allowed", "staff:1", REASON)]
    assert show(world, member) is Shown.RIGHT
    assert choose(world, member) is Chosen.DONE
    assert check(world, "7305") == Right()
    assert check(world, "4821") == Wrong(tries_left=2)
    assert standing(world, member) is PinStanding.SET
    assert world.told()[-1] == "pin_changed"
    assert acts(world)[-1] == ("pin.chosen", "member", "")


def test_no_pin_is_chosen_that_staff_did_not_allow(world: World) -> None:
    member = world.joined(pin="4821")
    assert show(world, member) is Shown.OVER
    assert choose(world, member) is Chosen.OVER
    assert check(world, "4821") == Right()


def test_who_does_not_know_the_number_of_the_paper_has_three_tries_and_chooses_nothing(world: World) -> None:
    member = world.joined()
    allow(world, member)
    assert show(world, member, "11111111") is Shown.WRONG
    assert choose(world, member) is Chosen.NOT_SHOWN
    assert show(world, member, "11111112") is Shown.WRONG
    assert show(world, member, "11111113") is Shown.OVER
    assert acts(world)[-1] == ("pin.withdrawn", "system", "wrong numbers of the paper")
    assert show(world, member) is Shown.OVER
    assert choose(world, member) is Chosen.OVER
    assert standing(world, member) is PinStanding.LAPSED
    allow(world, member)
    assert show(world, member) is Shown.RIGHT


def test_a_wrong_number_takes_back_what_a_right_one_had_shown(world: World) -> None:
    member = world.joined()
    allow(world, member)
    show(world, member)
    assert show(world, member, "11111111") is Shown.WRONG
    assert choose(world, member) is Chosen.NOT_SHOWN


def test_what_one_call_has_shown_another_has_not(world: World) -> None:
    member = world.joined()
    allow(world, member)
    show(world, member, call="call-1")
    assert choose(world, member, call="call-2") is Chosen.NOT_SHOWN
    assert standing(world, member) is PinStanding.TO_CHOOSE


@pytest.mark.parametrize("typed", ["23456789", "023456789", "23 456 789"])
def test_the_number_may_be_typed_as_it_is_printed(world: World, typed: str) -> None:
    member = world.joined()
    allow(world, member)
    assert show(world, member, typed) is Shown.RIGHT


def test_a_passport_has_letters_in_capitals(world: World) -> None:
    member = world.joined(document=OtherDocument.parse("passport", "ak0123456"))
    allow(world, member)
    assert show(world, member, "ak 0123456") is Shown.RIGHT


def test_a_choice_that_is_not_made_lapses_until_staff_allow_it_again(world: World) -> None:
    member = world.joined(pin="4821")
    allow(world, member)
    show(world, member)
    world.clock.pass_time(hours=24)
    assert standing(world, member) is PinStanding.LAPSED
    assert choose(world, member) is Chosen.OVER
    assert isinstance(check(world, "4821"), Locked)
    allow(world, member)
    assert choose(world, member) is Chosen.NOT_SHOWN
    show(world, member)
    assert choose(world, member) is Chosen.DONE


def test_allowing_twice_is_allowing_once(world: World) -> None:
    member = world.joined()
    allow(world, member)
    with pytest.raises(InvalidValue):
        allow(world, member)
    assert world.told().count("pin_allowed") == 1
    assert len(acts(world)) == 1


def test_two_of_staff_at_once_allow_it_once(world: World) -> None:
    member = world.joined()
    ready, refused = threading.Barrier(4), []

    def try_it() -> None:
        ready.wait()
        try:
            allow(world, member)
        except InvalidValue:
            refused.append(1)

    threads = [threading.Thread(target=try_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    assert world.told().count("pin_allowed") == 1


def test_staff_take_the_permission_back(world: World) -> None:
    member = world.joined()
    with pytest.raises(InvalidValue):
        withdraw(world, member)
    allow(world, member)
    show(world, member)
    withdraw(world, member)
    assert choose(world, member) is Chosen.OVER
    assert acts(world)[-1] == ("pin.withdrawn", "staff:1", REASON)
    with pytest.raises(InvalidValue):
        withdraw(world, member)


def test_nobody_chooses_for_a_membership_that_is_over_or_that_there_is_not(world: World) -> None:
    member = world.joined()
    with world.sessions.begin() as session:
        world.members.decide_review(session, member.id, staff="staff:1", status=Status.CLOSED, reason=REASON)
    with pytest.raises(InvalidValue):
        allow(world, member)
    with world.sessions.begin() as session, pytest.raises(InvalidValue):
        world.members.new_pins.allow(session, new_id(), staff="staff:1", reason=REASON)


def test_a_change_of_phone_ends_the_permission(world: World) -> None:
    member = world.verified_member()
    allow(world, member)
    with world.sessions.begin() as session:
        world.members.start_phone_change(
            session, key="hop-20", identifier=ID, new_phone=NEW_PHONE, birth_year=None, language="en"
        )
    with world.sessions.begin() as session:
        asked = session.scalars(select(PhoneChangeRow.id)).one()
        world.members.decide_phone_change(session, asked, staff="staff:1", accept=True, reason=REASON)
    assert world.member(NEW_PHONE).id == member.id
    assert standing(world, member) is PinStanding.LAPSED


def test_behind_the_old_pin_of_the_same_call_a_new_one_is_set(world: World) -> None:
    member = world.joined(pin="4821")
    assert check(world, "4821", f"{CALL}:3") == Right()
    assert change(world, member) is Chosen.DONE
    assert check(world, "7305") == Right()
    assert world.told()[-1] == "pin_changed"
    assert acts(world) == [("pin.changed", "member", "")]


def test_without_the_old_pin_of_this_call_none_is_changed(world: World) -> None:
    member = world.joined(pin="4821")
    assert change(world, member) is Chosen.NOT_SHOWN
    check(world, "4821", "call-2:3")
    assert change(world, member) is Chosen.NOT_SHOWN
    check(world, "1111", f"{CALL}:3")
    assert change(world, member) is Chosen.NOT_SHOWN
    assert check(world, "4821") == Right()


def test_the_old_pin_changes_nothing_once_staff_took_it_away(world: World) -> None:
    member = world.joined(pin="4821")
    check(world, "4821", f"{CALL}:3")
    allow(world, member)
    assert change(world, member) is Chosen.OVER
    withdraw(world, member)
    assert change(world, member) is Chosen.OVER


def test_the_database_keeps_no_pin_and_no_choice_apart(world: World) -> None:
    member = world.joined()
    with pytest.raises(IntegrityError), world.sessions.begin() as session:
        session.get_one(PinRow, member.id).choose_until = NOON
    assert world.member(PHONE).id == member.id
