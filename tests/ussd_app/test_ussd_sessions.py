"""A hop is one atomic step: posted again, lost, contradicted or after Redis is gone, it does no harm."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import func, select

from core.settings import Settings
from members.tables import IdentityCheckRow, MemberRow, PinRow
from payments.contributions.tables import Contribution
from tests.told import without_random
from tests.ussd_app.conftest import PIN, Phone, join
from ussd_app.application import create_app
from ussd_app.bootstrap import Services, build
from ussd_app.gateway.store_lines import StoreLines

NUMBER = "+254712345678"


def members(services: Services) -> int:
    with services.sessions.begin() as session:
        return session.scalar(select(func.count()).select_from(MemberRow)) or 0


def contributions(services: Services) -> list[int]:
    with services.sessions.begin() as session:
        return list(session.scalars(select(Contribution.amount_cents)))


@pytest.fixture
def member(phone: Callable[[str], Phone]) -> Phone:
    caller = phone(NUMBER)
    join(caller)
    return caller


def save_other(caller: Phone, amount: str) -> str:
    caller.dial()
    caller.answer("1")
    caller.answer("4")
    caller.answer(amount)
    return caller.answer("1")


def test_a_person_joins_and_saves(services: Services, member: Phone) -> None:
    assert members(services) == 1
    assert "M-Pesa" in save_other(member, "50")
    assert contributions(services) == [5000]


def test_the_same_post_gets_the_same_reply_and_no_second_effect(services: Services, member: Phone) -> None:
    last = save_other(member, "50")
    assert member.post() == last
    assert member.post() == last
    assert contributions(services) == [5000]


def test_a_lost_post_is_walked_through(services: Services, redis: Redis, member: Phone) -> None:
    redis.set("ussd:since", 1)
    member.dial()
    member.text = "1*4*60*1"
    assert member.post().startswith("END ")
    assert contributions(services) == [6000]


def test_while_the_store_may_have_lost_something_a_lost_post_confirms_nothing(
    services: Services, member: Phone
) -> None:
    member.dial()
    member.text = "1*4*60*1"
    assert "KES 60" in member.post()
    assert contributions(services) == []
    assert member.answer("1").startswith("END ")
    assert contributions(services) == [6000]


@pytest.fixture
def elsewhere(settings: Settings, services: Services) -> Iterator[FlaskClient]:
    """Another web process on the same stores."""
    other = build(settings)
    yield create_app(other).test_client()
    other.close()


def test_an_answer_may_come_to_a_process_that_saw_the_session_some_answers_ago(
    services: Services, member: Phone, elsewhere: FlaskClient
) -> None:
    here = member.client
    member.dial()
    member.answer("1")
    member.client = elsewhere
    other = member.answer("4")
    member.client = here
    assert member.post() == other
    assert "KES 50" in member.answer("50")
    member.client = elsewhere
    assert member.answer("0") == other
    member.client = here
    assert "KES 60" in member.answer("60")
    member.client = elsewhere
    last = member.answer("1")
    member.client = here
    assert member.post() == last
    assert contributions(services) == [6000]


def test_a_plain_dial_asks_the_store_once_and_looks_only_when_something_is_there(
    redis: Redis, phone: Callable[[str], Phone], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    ask = StoreLines.ask

    def heard(lines: StoreLines, *command: str | bytes | int) -> object:
        asked.append(command[0])
        return ask(lines, *command)

    redis.set("ussd:since", 1)
    phone("+254712345679").dial()
    monkeypatch.setattr(StoreLines, "ask", heard)
    caller = phone(NUMBER)
    shown = caller.dial()
    assert asked == ["EVALSHA"]
    # The same post again, and another call that could go on with this one, are looked at with care.
    assert caller.post() == shown
    assert asked.count("MGET") == 1
    caller.dial()
    assert asked.count("MGET") == 2
    # So is a dial that finds a store without its beginning: it may have lost what it held.
    redis.flushdb()
    caller.dial()
    assert asked.count("MGET") == 3
    assert redis.exists("ussd:since")


def test_text_that_contradicts_what_was_seen_starts_nothing(services: Services, member: Phone) -> None:
    member.dial()
    member.answer("1")
    member.text = "3*4*60*1"
    assert member.post().startswith("END ")
    assert contributions(services) == []


@pytest.mark.parametrize("store_is_new", [True, False])
def test_a_dial_string_never_answers_a_confirmation(
    services: Services, redis: Redis, member: Phone, store_is_new: bool
) -> None:
    if not store_is_new:
        redis.set("ussd:since", 1)
    assert member.dial("1*4*60*1").startswith("CON ")
    assert member.dial("60*1").startswith("CON ")
    assert member.dial(f"01*{PIN}").startswith("CON ")
    assert contributions(services) == []


def test_without_redis_a_session_begins_goes_on_and_saves(
    settings: Settings, services: Services, member: Phone
) -> None:
    nowhere = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:9/0")})
    with closing(build(nowhere)) as storeless:
        member.client = create_app(storeless).test_client()
        member.dial()
        for typed in ("1", "4", "80", "1"):
            last = member.answer(typed)
        assert "KES 80" in last
        if last.startswith("CON "):
            last = member.answer("1")
        assert last.startswith("END ")
        assert contributions(services) == [8000]
        assert member.post() == last
        assert contributions(services) == [8000]


def test_an_amount_in_the_dial_string_lands_on_the_confirmation(services: Services, member: Phone) -> None:
    assert "KES 200" in member.dial("200")
    assert contributions(services) == []
    assert member.answer("1").startswith("END ")
    assert contributions(services) == [20000]


def test_two_posts_at_once_join_once(app: Flask, services: Services) -> None:
    first = Phone(app.test_client(), NUMBER)
    first.dial()
    for typed in ("2", "1", "12345678", "1", PIN):
        first.answer(typed)
    first.text += f"*{PIN}"
    together = threading.Barrier(4)
    replies: list[str] = []

    def post() -> None:
        twin = Phone(app.test_client(), NUMBER, first.session_id, first.text)
        together.wait()
        replies.append(twin.post())

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert members(services) == 1
    assert len(set(replies)) == 1
    assert replies[0].startswith("END ")


def test_a_wrong_pin_posted_again_counts_once(services: Services, member: Phone) -> None:
    member.dial()
    member.answer("2")
    first = member.answer("9182")
    assert member.post() == first
    assert member.post() == first
    with services.sessions.begin() as session:
        assert session.scalars(select(PinRow.failed_count)).one() == 1


def test_three_wrong_pins_lock_and_it_is_said_plainly(member: Phone) -> None:
    member.dial()
    member.answer("2")
    for _ in range(3):
        last = member.answer("9182")
    assert last.startswith("END ")
    assert "30" in last
    member.dial()
    member.answer("2")
    assert member.answer(PIN).startswith("END ")


def test_a_dropped_session_can_be_continued_and_asks_the_pin_again(
    services: Services, phone: Callable[[str], Phone]
) -> None:
    caller = phone(NUMBER)
    caller.dial()
    for typed in ("2", "1", "12345678", "1", PIN):
        caller.answer(typed)
    offered = caller.dial()
    assert "Continue" in offered
    assert "PIN" in caller.answer("1")
    caller.answer(PIN)
    assert caller.answer(PIN).startswith("END ")
    assert members(services) == 1


def test_a_join_dropped_at_the_name_asks_for_the_same_name_again(
    services: Services, phone: Callable[[str], Phone]
) -> None:
    caller = phone(NUMBER)
    caller.dial()
    for typed in ("2", "1", "12345678"):
        caller.answer(typed)
    with services.sessions.begin() as database:
        check = database.scalars(select(IdentityCheckRow)).one()
        check.state, check.masked_name = "found", "W****** M*****"
    assert "W****** M*****" in caller.answer("1")
    assert "Continue" in caller.dial()
    assert "W****** M*****" in caller.answer("1")


def test_redis_emptied_in_mid_session_and_the_session_goes_on(
    services: Services, redis: Redis, member: Phone
) -> None:
    member.dial()
    member.answer("1")
    redis.flushdb()
    member.answer("4")
    redis.flushdb()
    member.answer("70")
    assert member.answer("1").startswith("END ")
    assert contributions(services) == [7000]
    redis.flushdb()
    member.post()
    assert contributions(services) == [7000]


def test_redis_emptied_on_every_hop_asks_once_more_and_saves_once(
    services: Services, redis: Redis, member: Phone
) -> None:
    member.dial()
    for typed in ("1", "4", "70"):
        redis.flushdb()
        confirm = member.answer(typed)
    redis.flushdb()
    # The confirmation was shown while nothing else was remembered: the answer to it counts.
    last = member.answer("1")
    assert "Save KES 70 " in confirm
    assert last.startswith("END ")
    assert contributions(services) == [7000]


def test_a_story_that_reads_differently_by_now_sets_nothing_off(
    services: Services, redis: Redis, phone: Callable[[str], Phone]
) -> None:
    """The answers of a newcomer, told again to a member's menus, would save: they must not."""
    caller = phone(NUMBER)
    caller.dial()
    caller.answer("1")
    redis.flushdb()
    for typed in ("1", "12345678", "1", PIN):
        caller.answer(typed)
    assert caller.answer(PIN).startswith("END ")
    for _ in range(3):
        redis.flushdb()
        caller.post()
    assert members(services) == 1
    assert contributions(services) == []


def test_redis_emptied_just_before_a_confirmation_asks_for_it_once_more(
    services: Services, redis: Redis, member: Phone
) -> None:
    member.dial()
    for typed in ("1", "4", "70"):
        confirm = member.answer(typed)
    redis.flushdb()
    # The first post after the loss could as well be a dial string.
    assert member.answer("1") == confirm
    assert contributions(services) == []
    assert member.answer("1").startswith("END ")
    assert contributions(services) == [7000]


def test_a_session_id_used_by_another_phone_shows_nothing_of_the_first(
    member: Phone, phone: Callable[[str], Phone]
) -> None:
    member.dial()
    member.answer("1")
    other = phone("+254733000111")
    other.session_id, other.text = member.session_id, ""
    assert "Choose language" in other.post()


def test_keys_in_redis_expire_and_hold_neither_pin_nor_id_nor_phone(redis: Redis, member: Phone) -> None:
    member.dial()
    member.answer("2")
    member.answer(PIN)
    keys = redis.keys("ussd:*")
    assert len(keys) >= 2
    for key in keys:
        assert key == b"ussd:since" or redis.ttl(key) > 0
        value = redis.hgetall(key) if redis.type(key) == b"hash" else redis.get(key)
        assert value
        kept = without_random(repr((key, value)))
        for secret in (PIN, "12345678", "712345678"):
            assert secret not in kept
