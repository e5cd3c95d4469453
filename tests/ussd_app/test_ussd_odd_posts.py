"""Odd posts of Africa's Talking: contradictions, older posts, repeats, stars, empty answers, used ids."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import select

from core.phone import PhoneNumber
from payments.contributions.tables import Contribution
from tests.ussd_app.conftest import Phone, join
from ussd_app.bootstrap import Services
from ussd_app.gateway.hop import Hop
from ussd_app.gateway.meaning import (
    CALL_MILLISECONDS,
    REPEAT_MILLISECONDS,
    Again,
    Answers,
    Begins,
    Contradicts,
    Unknown,
    meaning_of,
    seen_of,
)
from ussd_app.gateway.session_store import Record

NUMBER = "+254712345678"


def saved(services: Services) -> list[int]:
    with services.sessions.begin() as session:
        return sorted(session.scalars(select(Contribution.amount_cents)))


@pytest.fixture
def member(phone: Callable[[str], Phone], redis: Redis) -> Phone:
    # The store has been remembering for long: nothing on it was lost lately.
    redis.set("ussd:since", 1)
    caller = phone(NUMBER)
    join(caller)
    return caller


def posted(phone: Phone, text: str) -> str:
    phone.text = text
    return phone.post()


def test_an_older_post_again_gets_the_reply_it_had_and_the_session_goes_on(
    member: Phone, services: Services
) -> None:
    home, amounts = member.dial(), member.answer("1")
    other, confirm = member.answer("4"), member.answer("50")
    assert posted(member, "") == home
    assert posted(member, "1") == amounts
    assert posted(member, "1*4") == other
    assert posted(member, "1*4*50") == confirm
    last = posted(member, "1*4*50*1")
    assert last.startswith("END ")
    assert posted(member, "1*4") == other
    assert posted(member, "1*4*50*1") == last
    assert saved(services) == [5000]


@pytest.mark.parametrize("text", ["1*4*60", "2", "14*50", "1*4*5", "*1*4*50", "1**4*50"])
def test_text_that_was_never_seen_starts_nothing(member: Phone, services: Services, text: str) -> None:
    member.dial()
    for typed in ("1", "4", "50"):
        member.answer(typed)
    assert posted(member, text).startswith("END ")
    assert posted(member, f"{text}*1*1").startswith("END ")
    assert saved(services) == []


@pytest.mark.parametrize(("language", "says"), [("1", "Samahani"), ("2", "Sorry")])
def test_that_something_is_wrong_is_told_in_the_language_that_was_chosen(
    phone: Callable[[str], Phone], language: str, says: str
) -> None:
    newcomer = phone("+254712000777")
    newcomer.dial()
    newcomer.answer(language)
    assert posted(newcomer, "7*7*7").startswith(f"END {says}")


def test_after_a_contradiction_the_session_still_goes_on_where_it_was(
    member: Phone, services: Services
) -> None:
    member.dial()
    for typed in ("1", "4", "50"):
        member.answer(typed)
    assert posted(member, "1*4*60*1").startswith("END ")
    assert posted(member, "1*4*50*1").startswith("END ")
    assert saved(services) == [5000]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "number"),
        ("*", "number"),
        ("1*", "Choose a number"),
        ("4*50", "Save KES 50 "),
        ("9*1", "Save KES"),
    ],
)
def test_stars_part_answers(member: Phone, services: Services, typed: str, says: str) -> None:
    member.dial()
    member.answer("1")
    assert says in member.answer(typed)
    assert saved(services) == []


def test_a_first_answer_that_is_empty_does_no_harm(member: Phone) -> None:
    home = member.dial()
    assert posted(member, "") == home
    assert "number" in posted(member, "*")
    assert posted(member, "**1").startswith("CON ")


def test_more_answers_than_a_session_has_time_for_end_it(member: Phone, services: Services) -> None:
    member.dial()
    assert posted(member, "*".join(["0"] * 70)).startswith("END ")
    assert saved(services) == []


def test_a_session_id_used_again_by_its_phone_is_the_same_session(member: Phone) -> None:
    home = member.dial()
    member.answer("1")
    assert posted(member, "") == home


def hop(text: str, *, latest: bool = False, starts: bool = False) -> Hop:
    phone = PhoneNumber(NUMBER)
    return Hop("any", "1", phone, text, input="latest" if latest else "cumulative", starts=starts)


def record_of(last: Hop, answers: int, *, at: int = 0, ends: bool = False) -> Record:
    return Record(1, len(last.text), seen_of(last), answers, None, "", ends, at)


ANSWER = st.text("0123456789 abc", max_size=6)


@given(st.lists(ANSWER, min_size=1), st.lists(ANSWER, min_size=1))
def test_text_that_goes_on_is_exactly_the_new_answers(seen: list[str], new: list[str]) -> None:
    before = "*".join(seen)
    told = meaning_of(hop("*".join([*seen, *new])), record_of(hop(before), len(seen)), str, 0)
    assert told == Answers(tuple(new)) or not before


@given(st.text("12*", max_size=8), st.text("12*", max_size=8))
def test_cumulative_text_is_the_same_goes_on_or_contradicts(seen: str, text: str) -> None:
    told = meaning_of(hop(text), record_of(hop(seen), 1), str, 0)
    assert isinstance(told, Again) == (text == seen)
    assert isinstance(told, Answers) == (text != seen and (not seen or text.startswith(f"{seen}*")))
    assert isinstance(told, Again | Answers | Contradicts)


@given(ANSWER, ANSWER, st.integers(-2 * CALL_MILLISECONDS, 2 * CALL_MILLISECONDS), st.booleans())
def test_the_latest_input_alone_is_the_same_only_at_once_or_after_the_end(
    seen: str, text: str, after: int, ended: bool
) -> None:
    last = record_of(hop(seen, latest=True), 2, ends=ended)
    told = meaning_of(hop(text, latest=True), last, str, after)
    again = text == seen and (ended or abs(after) <= REPEAT_MILLISECONDS)
    assert told == (Again() if again else Answers((text,)))


@given(
    ANSWER,
    ANSWER,
    st.integers(-2 * CALL_MILLISECONDS, 2 * CALL_MILLISECONDS),
    st.integers(0, 2),
    st.booleans(),
)
def test_a_start_is_the_same_start_only_before_any_answer(
    seen: str, text: str, after: int, answers: int, ended: bool
) -> None:
    last = record_of(hop(seen, latest=True, starts=True), answers, ends=ended)
    told = meaning_of(hop(text, latest=True, starts=True), last, str, after)
    again = text == seen and answers == 0 and not ended and abs(after) <= CALL_MILLISECONDS
    assert isinstance(told, Again if again else Begins)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (0, Again()),
        (-40, Again()),
        (-REPEAT_MILLISECONDS, Again()),
        (-REPEAT_MILLISECONDS - 1, Answers(("1",))),
        (-55_000, Answers(("1",))),
        (-3_600_000, Answers(("1",))),
    ],
)
def test_a_reply_that_seems_to_lie_ahead_is_near_only_as_far_as_clocks_of_hosts_are_apart(
    after: int, told: Again | Answers
) -> None:
    last = record_of(hop("1", latest=True), 1, at=7_200_000)
    assert meaning_of(hop("1", latest=True), last, str, 7_200_000 + after) == told


def test_a_start_long_before_its_own_record_begins_anew() -> None:
    start = hop("", latest=True, starts=True)
    assert meaning_of(start, record_of(start, 0, at=7_200_000), str, 7_200_000 - 40) == Again()
    assert meaning_of(start, record_of(start, 0, at=7_200_000), str, 3_600_000) == Begins()


def test_without_a_record_only_cumulative_text_tells_a_story() -> None:
    assert meaning_of(hop("1*2"), None, str, 0) == Begins(("1", "2"))
    assert meaning_of(hop(""), None, str, 0) == Begins()
    assert meaning_of(hop("1", latest=True), None, str, 0) == Unknown()
    assert meaning_of(hop("200*1", latest=True, starts=True), None, str, 0) == Begins(("200", "1"))
