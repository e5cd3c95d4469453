"""The store goes, comes back, or is not heard within one call: what callers see is what counts."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisAwayError
from redis.exceptions import TimeoutError as RedisSlowError
from sqlalchemy import select

from core.settings import Settings
from core.vault import Vault
from members.tables import MemberRow
from payments.contributions.tables import Contribution
from tests.ussd_app.conftest import PIN, Phone, join
from ussd_app.bootstrap import Services
from ussd_app.gateway import session_store
from ussd_app.gateway.recent import RecentRecords
from ussd_app.gateway.store_lines import StoreLines

NUMBER = "+254712345678"
OTHER_KEY = Vault([b"a-key-that-this-process-does-not-have-0123"], b"its-index-key-0123456789-0123456789-ab")


@pytest.fixture(autouse=True)
def asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_store, "_AWAY_SECONDS", 0.0)


@pytest.fixture
def member(phone: Callable[[str], Phone], redis: Redis) -> Phone:
    redis.set("ussd:since", 1)
    caller = phone(NUMBER)
    join(caller)
    return caller


Away = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def away() -> Away:
    @contextmanager
    def gone() -> Iterator[None]:
        def ask(_lines: StoreLines, *_command: Any) -> Any:
            raise RedisAwayError("away")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(StoreLines, "ask", ask)
            yield

    return gone


def lose_next_answer(patch: pytest.MonkeyPatch) -> None:
    """The next script runs; its answer is lost, and the store is slow for the rest of that post."""
    ask, slow_until = StoreLines.ask, 0.0

    def unheard(lines: StoreLines, *command: Any) -> Any:
        nonlocal slow_until
        if slow_until and time.monotonic() < slow_until:
            raise RedisAwayError("slow")
        answer = ask(lines, *command)
        if command[0] == "EVALSHA" and not slow_until:
            slow_until = time.monotonic() + 0.5
            raise RedisSlowError("no answer in time")
        return answer

    patch.setattr(StoreLines, "ask", unheard)


def contributions(services: Services) -> list[int]:
    with services.sessions.begin() as session:
        return list(session.scalars(select(Contribution.amount_cents)))


def test_what_is_shown_is_what_the_next_answer_answers(
    services: Services, member: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    member.dial()
    for typed in ("1", "4", "60"):
        member.answer(typed)
    assert "Continue" in member.dial()
    lose_next_answer(monkeypatch)
    assert "Save KES 60" in member.answer("1")
    time.sleep(0.6)
    assert "M-Pesa" in member.answer("1")
    assert contributions(services) == [6000]


def test_a_dial_whose_answer_from_the_store_is_lost_goes_on(
    services: Services, member: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_next_answer(monkeypatch)
    first = member.dial()
    time.sleep(0.6)
    assert first.startswith("CON ")
    assert member.post() == first
    for typed in ("1", "4", "60", "1"):
        last = member.answer(typed)
    assert "M-Pesa" in last
    assert contributions(services) == [6000]


def test_a_call_that_began_without_the_store_goes_on_when_it_is_back(member: Phone, away: Away) -> None:
    with away():
        member.dial()
    assert "How much" in member.answer("1")


def test_who_joins_is_not_thrown_out_when_the_store_is_back(
    phone: Callable[[str], Phone], redis: Redis, away: Away
) -> None:
    redis.set("ussd:since", 1)
    caller = phone("+254712345679")
    with away():
        caller.dial()
        for typed in ("2", "1", "12345678", "1"):
            asked = caller.answer(typed)
        assert "PIN" in asked
    assert "again" in caller.answer(PIN)


def test_a_dropped_call_is_not_offered_in_the_middle_of_another(member: Phone, away: Away) -> None:
    member.dial()
    for typed in ("1", "4", "60"):
        member.answer(typed)
    with away():
        member.dial()
        member.answer("4")
    assert "Kiswahili" in member.answer("2")


def test_what_was_done_without_the_store_is_not_taken_for_what_is_done_later(
    services: Services, member: Phone, away: Away
) -> None:
    with away():
        member.dial()
        for typed in ("4", "2", "1"):
            member.answer(typed)
    # Off, back to the menu, and the other language: as many answers as before, and another wish.
    for typed in ("0", "4", "2", "2"):
        member.answer(typed)
    with services.sessions.begin() as session:
        assert session.scalars(select(MemberRow.language)).one() == "en"


def test_a_pin_is_judged_each_time_it_is_asked(member: Phone, away: Away) -> None:
    with away():
        member.dial()
        member.answer("2")
        assert "not right" in member.answer("9182")
    member.answer("0")
    member.answer("2")
    assert "saved" in member.answer(PIN)


def other_stamp(stored: bytes, _vault: Vault) -> bytes:
    return b"1|" + stored


def other_key(stored: bytes, _vault: Vault) -> bytes:
    return sealed_anew(stored, OTHER_KEY, b"[]")


def other_shape(stored: bytes, vault: Vault) -> bytes:
    return sealed_anew(stored, vault, b'["a", 1]')


def sealed_anew(stored: bytes, vault: Vault, told: bytes) -> bytes:
    *stamp, _sealed = stored.split(b"|", 9)
    return b"|".join([*stamp, vault.seal_bytes("ussd.session", told)])


@pytest.fixture
def rewritten(
    redis: Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[bytes, Vault], bytes]], None]:
    """Every record as another release, or a process with another key, would have written it."""
    # What this process remembers would hide it.
    monkeypatch.setattr(RecentRecords, "take", lambda *_named: None)

    def rewrite(other: Callable[[bytes, Vault], bytes]) -> None:
        for name in redis.keys("ussd:session:*"):
            stored = redis.get(name)
            assert isinstance(stored, bytes)
            redis.set(name, other(stored, settings.vault()), keepttl=True)

    return rewrite


@pytest.mark.parametrize("other", [other_stamp, other_key, other_shape])
def test_a_record_that_another_release_wrote_bars_nobody(
    services: Services,
    member: Phone,
    rewritten: Callable[[Callable[[bytes, Vault], bytes]], None],
    other: Callable[[bytes, Vault], bytes],
) -> None:
    member.dial()
    member.answer("1")
    rewritten(other)
    assert member.post().startswith("CON ")
    rewritten(other)
    assert member.answer("1").startswith("CON ")
    assert contributions(services) == []
    for link in ("", "200", "01"):
        rewritten(other)
        assert member.dial(link).startswith("CON ")


def test_a_session_that_cannot_be_read_begins_again_and_takes_nothing_for_done(
    member: Phone, rewritten: Callable[[Callable[[bytes, Vault], bytes]], None]
) -> None:
    member.dial()
    member.answer("2")
    assert "not right" in member.answer("9182")
    rewritten(other_key)
    member.answer("0")
    member.answer("2")
    assert "saved" in member.answer(PIN)
