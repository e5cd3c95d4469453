"""Joining when it is not simple: every case has a clear screen, and one person has one membership."""

import pytest

from tests.end_to_end.phones import Phone, new_member
from tests.end_to_end.stack import Stack
from tests.end_to_end.waiting import wait_for

NOBODYS_ID = "39999999"


@pytest.mark.parametrize(
    ("national_id", "language", "sentence"),
    [
        ("11111111", "en", "the holder of this ID has died"),
        ("11111111", "sw", "mwenye kitambulisho hiki amefariki"),
        ("34567890", "en", "You can join when you turn 18"),
        ("34567890", "sw", "Unaweza kujiunga ukifikisha miaka 18"),
        (NOBODYS_ID, "en", "We did not find this ID number"),
        (NOBODYS_ID, "sw", "Hatukuipata nambari hii"),
    ],
)
def test_who_cannot_join_reads_why(stack: Stack, national_id: str, language: str, sentence: str) -> None:
    assert sentence in Phone(stack, stack.new_number()).give_id(national_id, language)


def test_twins_in_name_may_both_join_and_staff_look_at_the_second(stack: Stack) -> None:
    first, second = Phone(stack, stack.new_number()), Phone(stack, stack.new_number())
    number = first.join("22223333")
    screen = second.give_id("22224444")
    assert "A member has the same name and birth date" in screen
    second.answer("1")
    assert second.choose_pin() != number
    second.wait_for_sms("staff will look at it")
    assert stack.command("member", "show", first.number)["status"] == "active"
    assert stack.command("member", "show", second.number)["status"] == "needs_review"


def test_without_the_civil_registry_one_joins_saves_and_is_verified_later(stack: Stack) -> None:
    stack.fault("civil", outage=True)
    phone = Phone(stack, stack.new_number())
    phone.type_id(stack.new_person()["id"])
    assert "We will check your name later" in phone.answer("2")
    phone.choose_pin()
    phone.wait_for_sms("We are still checking your ID")
    phone.save(50)
    phone.pay()
    phone.wait_for_sms("received KES 50")
    assert not [text for text in phone.sms() if "confirmed" in text]
    stack.no_faults()
    phone.wait_for_sms("your ID is confirmed. The name we found is ", "***")


def test_the_central_registry_hears_of_a_member_once_they_are_verified(stack: Stack) -> None:
    phone = Phone(stack, stack.new_number())
    stack.fault("civil", outage=True)
    phone.type_id(stack.new_person()["id"])
    phone.answer("2")
    number = phone.choose_pin()
    assert number not in enrolled(stack)
    stack.no_faults()
    wait_for(lambda: enrolled(stack).get(number) == "active", "the enrolment", otherwise=stack.explain)


def enrolled(stack: Stack) -> dict[str, str]:
    return {row["membership"]: row["status"] for row in stack.sandbox("GET", "/fund/enrolments")}


def test_the_same_id_on_a_second_phone_starts_a_change_that_the_old_phone_stops(stack: Stack) -> None:
    person, members = stack.new_person(), stack.count("SELECT count(*) FROM members")
    old, new = Phone(stack, stack.new_number()), Phone(stack, stack.new_number())
    old.join(person["id"])
    assert ask_to_move(new, person["id"], person["birth_date"][:4]).startswith("We have your request.")
    old.wait_for_sms("someone asked to move your membership")
    new.wait_for_sms("someone asked to use this phone for a membership")
    assert "Choose language" in new.dial()
    old.send_sms("STOP")
    for phone in (old, new):
        phone.wait_for_sms("the change of phone number was stopped")
    assert "Choose language" in new.dial()
    assert "little by little" in old.dial()
    assert stack.count("SELECT count(*) FROM members") == members + 1


def test_a_wrong_birth_year_goes_to_staff_and_reads_and_sounds_the_same(stack: Stack) -> None:
    person = stack.new_person()
    old, new = Phone(stack, stack.new_number()), Phone(stack, stack.new_number())
    old.join(person["id"])
    with_staff = stack.count("SELECT count(*) FROM phone_changes WHERE state = 'staff'")
    wrong = str(int(person["birth_date"][:4]) - 1)
    assert ask_to_move(new, person["id"], wrong).startswith("We have your request. If all is well,")
    new.wait_for_sms("someone asked to use this phone for a membership")
    old.wait_for_sms("someone asked to move your membership")
    wait_for(
        lambda: stack.count("SELECT count(*) FROM phone_changes WHERE state = 'staff'") == with_staff + 1,
        "a case for staff",
    )


def test_who_is_a_member_joins_no_second_time(stack: Stack) -> None:
    phone, number = new_member(stack)
    assert "little by little" in phone.dial()
    phone.choose("My details and help")
    assert number in phone.choose("My member number").replace(" ", "")


def ask_to_move(new: Phone, national_id: str, birth_year: str) -> str:
    """Ask for a membership from another phone; the last screen."""
    assert "This ID is a member already, on another phone." in new.give_id(national_id)
    screen = new.answer("1", birth_year, "1")
    assert new.ended
    return screen
