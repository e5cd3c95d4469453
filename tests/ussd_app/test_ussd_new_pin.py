"""A call in which a PIN is replaced: from the member's own phone, once, and by nobody who merely found it."""

from collections.abc import Callable
from contextlib import closing

import pytest
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import select

from core.outbox import OutboxRow
from core.phone import PhoneNumber
from core.settings import Settings
from members.new_pin import PinStanding
from members.pins import Right, Verdict
from members.tables import MemberRow, PinRow
from tests.ussd_app.conftest import PIN, Phone, join
from ussd_app.application import create_app
from ussd_app.bootstrap import Services, build

NUMBER, ID, NEW_PIN, OTHER_PIN = "+254712345678", "12345678", "7305", "8264"
ASKED, CHOOSE, AGAIN, SET = "the number of the ID", "Choose a PIN", "same PIN again", "Your new PIN is set."


@pytest.fixture
def member(phone: Callable[[str], Phone]) -> Phone:
    caller = phone(NUMBER)
    join(caller)
    return caller


@pytest.fixture
def allow(services: Services) -> Callable[[], None]:
    def act() -> None:
        with services.sessions.begin() as session:
            found = services.members.by_phone(session, PhoneNumber(NUMBER))
            assert found is not None
            services.members.new_pins.allow(session, found.id, staff="staff:1", reason="asked on the phone")

    return act


def pin_row(services: Services) -> PinRow:
    with services.sessions() as session:
        return session.scalars(select(PinRow)).one()


def standing(services: Services) -> PinStanding:
    with services.sessions() as session:
        return services.members.new_pins.standing(session, pin_row(services).member_id)


def opens(services: Services, pin: str) -> bool:
    with services.sessions.begin() as session:
        verdict: Verdict = services.members.pins.check(session, pin_row(services).member_id, pin)
    return verdict == Right()


def told(services: Services) -> list[str]:
    with services.sessions() as session:
        keys = session.scalars(select(OutboxRow.key).where(OutboxRow.topic == "message"))
        return [name for key in keys if (name := key.partition(":")[0]).startswith("pin_")]


def walk(caller: Phone, *typed: str) -> str:
    for text in typed:
        caller.answer(text)
    return caller.screens[-1]


def test_a_forgotten_pin_is_chosen_anew_on_the_members_own_phone(
    services: Services, member: Phone, allow: Callable[[], None]
) -> None:
    member.dial()
    assert "locked" in walk(member, "2", "1111", "2222", "3333")
    allow()
    member.dial()
    assert ASKED in member.answer("2")
    assert CHOOSE in member.answer(ID)
    assert "easy to guess" in member.answer("1234")
    assert AGAIN in member.answer(NEW_PIN)
    assert "not the same" in member.answer(OTHER_PIN)
    assert SET in walk(member, NEW_PIN, NEW_PIN)
    assert "Enter your Kibaba PIN" in member.answer("2")
    assert "Tries left: 2" in member.answer(PIN)
    assert "You have saved" in member.answer(NEW_PIN)
    assert sorted(told(services)) == ["pin_allowed", "pin_changed"]


def test_each_place_behind_the_pin_asks_to_choose_one(member: Phone, allow: Callable[[], None]) -> None:
    allow()
    assert ASKED in member.dial("01")
    assert ASKED in member.dial("02")
    for way in ("2", "3", "4*5"):
        member.dial()
        assert ASKED in walk(member, *way.split("*"))


def test_the_same_posts_again_choose_once_and_count_once(
    services: Services, member: Phone, allow: Callable[[], None]
) -> None:
    allow()
    member.dial("01")
    for typed in ("11111111", "11111112", ID, NEW_PIN, NEW_PIN):
        reply = member.answer(typed)
        assert member.post() == member.post() == reply
    assert SET in member.screens[-1]
    assert opens(services, NEW_PIN)
    assert told(services).count("pin_changed") == 1


def test_three_wrong_numbers_close_it_and_saving_goes_on(
    services: Services, member: Phone, allow: Callable[[], None]
) -> None:
    allow()
    member.dial("01")
    assert "not the number we have" in walk(member, "11111111", "11111112")
    assert "You have no PIN now" in member.answer("11111113")
    assert member.screens[-1].startswith("END ")
    assert "You have no PIN now" in member.dial("02")
    assert standing(services) is PinStanding.LAPSED
    member.dial("200")
    assert "M-Pesa" in member.answer("1")


def test_a_choice_not_made_in_time_has_to_be_allowed_again(
    services: Services, member: Phone, allow: Callable[[], None]
) -> None:
    allow()
    member.dial("01")
    walk(member, ID, NEW_PIN)
    with services.sessions.begin() as session:
        session.scalars(select(PinRow)).one().choose_until = services.clock.now()
    assert "You have no PIN now" in member.answer(NEW_PIN)
    assert pin_row(services).hash is None
    allow()
    assert ASKED in member.dial("01")


@pytest.mark.parametrize("store_is_new", [True, False])
def test_a_dial_string_chooses_nothing(
    services: Services, redis: Redis, member: Phone, allow: Callable[[], None], store_is_new: bool
) -> None:
    if not store_is_new:
        redis.set("ussd:since", 1)
    allow()
    for link in (f"2*{ID}*{NEW_PIN}*{NEW_PIN}", f"01*{ID}*{NEW_PIN}*{NEW_PIN}", f"{ID}*{NEW_PIN}"):
        member.dial(link)
    assert standing(services) is PinStanding.TO_CHOOSE


def test_without_redis_a_pin_is_chosen_once(
    settings: Settings, services: Services, member: Phone, allow: Callable[[], None]
) -> None:
    allow()
    nowhere = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:9/0")})
    with closing(build(nowhere)) as storeless:
        member.client = create_app(storeless).test_client()
        member.dial()
        for typed in ("2", ID, NEW_PIN, NEW_PIN):
            last = member.answer(typed)
        assert SET in last
        assert member.post() == last
        # The call goes on: what went before is walked again and done no second time.
        assert "You have saved" in walk(member, "2", NEW_PIN)
        member.dial()
        assert SET in walk(member, "4", "5", NEW_PIN, OTHER_PIN, OTHER_PIN)
        assert member.post() == member.screens[-2]
    assert opens(services, OTHER_PIN)
    assert told(services).count("pin_changed") == 2


def test_a_call_that_is_continued_asks_for_the_number_again(
    services: Services, member: Phone, allow: Callable[[], None]
) -> None:
    allow()
    member.dial("01")
    walk(member, ID, NEW_PIN)
    assert "Continue" in member.dial()
    assert CHOOSE in member.answer("1")
    assert ASKED in walk(member, OTHER_PIN, OTHER_PIN)
    assert pin_row(services).hash is None
    assert SET in walk(member, ID, OTHER_PIN, OTHER_PIN)
    assert opens(services, OTHER_PIN)


def test_a_call_that_had_the_old_pin_opens_nothing_more(member: Phone, allow: Callable[[], None]) -> None:
    member.dial()
    assert "You have saved" in walk(member, "2", PIN)
    allow()
    assert ASKED in walk(member, "00", "3")


def test_the_members_own_birth_year_is_refused(
    services: Services, member: Phone, allow: Callable[[], None]
) -> None:
    with services.sessions.begin() as session:
        session.scalars(select(MemberRow)).one().birth_date = "1985-05-04"
    allow()
    member.dial("01")
    assert "birth year" in walk(member, ID, "1985")
    assert AGAIN in member.answer("1986")


def test_the_pin_is_changed_behind_the_old_one(services: Services, member: Phone) -> None:
    member.dial()
    assert "PIN you have now" in walk(member, "4", "5")
    assert "Tries left: 2" in member.answer("1111")
    assert CHOOSE in member.answer(PIN)
    last = walk(member, NEW_PIN, NEW_PIN)
    assert SET in last
    assert member.post() == last
    assert opens(services, NEW_PIN)
    assert told(services) == ["pin_changed"]


def test_each_change_takes_the_pin_that_holds_then(services: Services, member: Phone) -> None:
    member.dial()
    assert SET in walk(member, "4", "5", PIN, NEW_PIN, NEW_PIN)
    assert "PIN you have now" in walk(member, "4", "5")
    assert "Tries left: 2" in member.answer(PIN)
    assert SET in walk(member, NEW_PIN, OTHER_PIN, OTHER_PIN)
    assert opens(services, OTHER_PIN)


def test_three_wrong_old_pins_lock(member: Phone) -> None:
    member.dial()
    assert "locked" in walk(member, "4", "5", "1111", "2222", "3333")


def test_a_change_begun_before_staff_took_the_pin_away_is_not_done(
    services: Services, member: Phone, allow: Callable[[], None]
) -> None:
    member.dial()
    walk(member, "4", "5", PIN, NEW_PIN)
    allow()
    assert "not changed" in member.answer(NEW_PIN)
    assert pin_row(services).hash is None


LOCKED, ASKS = "END Your PIN is locked", "Enter your Kibaba PIN"


def lock(member: Phone) -> None:
    member.dial()
    assert LOCKED in walk(member, "2", "1111", "2222", "3333")


def unlock(services: Services) -> None:
    with services.sessions.begin() as session:
        session.scalars(select(PinRow)).one().locked_until = services.clock.now()


def test_whose_pin_is_locked_hears_so_before_typing_one(services: Services, member: Phone) -> None:
    lock(member)
    assert "Try again in 30 min" in member.dial("01")
    assert member.dial("02").startswith(LOCKED)
    for way in ("2", "3", "4*5"):
        member.dial()
        assert walk(member, *way.split("*")).startswith(LOCKED)
        assert member.post() == member.screens[-2]
    unlock(services)
    assert ASKS in member.dial("01")
    assert "You have saved" in member.answer(PIN)


def test_another_phone_hears_nothing_of_a_locked_pin(member: Phone, phone: Callable[[str], Phone]) -> None:
    lock(member)
    other = phone("+254733000222")
    assert "Join first" in other.dial("01")
    assert "a member already" in walk(other, "2", "1", ID, "1")
    walk(other, "1", "1990", "1")
    assert not any("locked" in screen for screen in other.screens)


@pytest.mark.parametrize("way", ["2", "01"])
def test_the_post_that_locked_it_is_answered_the_same_when_the_call_is_walked_again(
    settings: Settings, services: Services, member: Phone, way: str
) -> None:
    """What came before it led to the PIN, and does so again: the lock is told by the newest answer alone."""
    nowhere = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:9/0")})
    with closing(build(nowhere)) as storeless:
        member.client = create_app(storeless).test_client()
        member.dial("01" if way == "01" else "")
        if way == "2":
            member.answer("2")
        last = walk(member, "1111", "2222", "3333")
        assert last.startswith(LOCKED)
        assert member.post() == last
        # And what told of the lock at the door tells it again, though the lock is over.
        told = member.dial("01") if way == "01" else walk(member, *_at_the_door(member))
        assert told.startswith(LOCKED)
        unlock(services)
        assert member.post() == told


def _at_the_door(member: Phone) -> list[str]:
    member.dial()
    return ["2"]
