"""Every SMS fits into one, in both languages, and says what it was given."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import gsm0338
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import FundCalendar
from core.errors import InvalidValue
from messages.gsm7 import BASIC, EXTENSION, foreign, parts, septets
from messages.model import WORDS
from messages.templates import TEMPLATES, FundWords, Texts, load_texts

LONGEST: dict[str, Any] = {
    "amount_cents": 99_999_999,
    "balance_cents": 9_999_999_999,
    "receipt": "MP261122.1405.L06941-123",
    "number": "412345678",
    "as_of": "2026-11-22T10:05:00+00:00",
    "hours": 240,
    "wallet": "airtel",
}
LONGEST_NAME = "W****** M******"
LANGUAGES = sorted(load_texts())


def longest(template: str, language: str) -> str:
    words = FundWords("Kibaba Hazina!", "*384*96*1000#", "+254800720000")
    texts = Texts(words, FundCalendar(ZoneInfo("Africa/Nairobi")))
    return texts.render(template, language, LONGEST, member_name=LONGEST_NAME)


def test_english_and_swahili_are_there() -> None:
    assert LANGUAGES == ["en", "sw"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_an_sms_with_the_longest_values_fits(template: str, language: str) -> None:
    text = longest(template, language)
    assert foreign(text) == set()
    assert parts(text) <= TEMPLATES[template].parts_max, f"{septets(text)} septets: {text}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_every_sms_says_who_sends_it_and_leaves_no_gap(template: str, language: str) -> None:
    text = longest(template, language)
    assert "Kibaba Hazina!" in text
    assert "{" not in text
    assert "  " not in text


@pytest.mark.parametrize(("language", "words"), [("en", "BAL WHERE STOP"), ("sw", "SALIO WAPI ACHA")])
def test_help_names_what_a_member_can_ask(language: str, words: str) -> None:
    assert all(word in longest("help", language) and word in WORDS for word in words.split())


def test_a_receipt_says_received_with_the_balance_and_when(texts: Texts) -> None:
    values = {
        "amount_cents": 5000,
        "balance_cents": 125_050,
        "receipt": "SFF6XYZ12X",
        "as_of": datetime(2026, 11, 22, 21, 30, tzinfo=UTC).isoformat(),
    }
    assert texts.render("receipt", "en", values) == (
        "Haba Fund: received KES 50, receipt SFF6XYZ12X. Your savings: KES 1,250.50 on 23/11 00:30. "
        "Help: 0800 720 000"
    )
    assert texts.render("receipt", "sw", values).startswith("Haba Fund: tumepokea KES 50, risiti SFF6XYZ12X.")


@pytest.mark.parametrize(
    ("template", "values"),
    [
        ("no_such_sms", {}),
        ("welcome", {}),
        ("welcome", {"number": "4" * 13}),
        ("welcome", {"number": 412345678}),
        ("welcome", {"number": "http://x"}),
        ("receipt", {**LONGEST, "receipt": "http://x"}),
        ("receipt", {**LONGEST, "amount_cents": 50.0}),
        ("receipt", {**LONGEST, "amount_cents": "5000"}),
        ("receipt", {**LONGEST, "amount_cents": None}),
        ("receipt", {**LONGEST, "as_of": "yesterday"}),
        ("receipt", {**LONGEST, "as_of": "2026-11-22T10:05:00"}),
        ("phone_change_new", {"hours": -1}),
        ("phone_change_new", {"hours": True}),
        ("prompt_failed", {"amount_cents": 5000, "wallet": "pigeon"}),
    ],
)
def test_a_value_that_is_missing_or_malformed_makes_no_sms(
    texts: Texts, template: str, values: dict[str, Any]
) -> None:
    with pytest.raises(InvalidValue):
        texts.render(template, "en", values)


def test_a_language_nobody_has_written_falls_back(texts: Texts) -> None:
    assert [texts.language(wanted) for wanted in ("sw", "luo", None)] == ["sw", "en", "en"]


@given(st.text(alphabet=sorted(BASIC | EXTENSION)))
def test_septets_are_those_of_the_reference_codec(text: str) -> None:
    assert septets(text) == len(gsm0338.Codec().encode(text)[0])


@pytest.mark.parametrize(("length", "expected"), [(0, 1), (160, 1), (161, 2), (306, 2), (307, 3)])
def test_an_sms_is_paid_for_by_parts(length: int, expected: int) -> None:
    assert parts("a" * length) == expected


def test_foreign_characters_are_named() -> None:
    assert foreign("Kĩmani\u2019s €5") == {"ĩ", "\u2019"}


@pytest.mark.parametrize(("hours", "told"), [(1, "in 1 hour."), (2, "in 2 hours."), (24, "in 24 hours.")])
def test_one_hour_is_told_as_one(texts: Texts, hours: int, told: str) -> None:
    assert told in texts.render("phone_change_old", "en", {"hours": hours})
    assert f"saa {hours}." in texts.render("phone_change_old", "sw", {"hours": hours})
