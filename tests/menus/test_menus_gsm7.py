"""Septets are counted as a network counts them."""

from __future__ import annotations

import gsm0338
import pytest
from hypothesis import given
from hypothesis import strategies as st

from menus.engine.gsm7 import BASIC, EXTENSION, REPLACEMENTS, foreign, septets, transliterated

ORACLE = gsm0338.Codec()
ALPHABET = "".join(sorted(BASIC | EXTENSION))


def is_gsm7(text: str) -> bool:
    try:
        ORACLE.encode(text)
    except UnicodeError:
        return False
    return True


def test_the_alphabet_is_that_of_the_standard_character_by_character() -> None:
    # 127 characters besides the escape, and ten extensions (the form feed among them).
    assert len(BASIC) == 127
    assert len(EXTENSION) == 10
    for code in range(0x3000):
        character = chr(code)
        if 0xD800 <= code < 0xE000 or character == "\x1b":
            continue
        assert (character in BASIC or character in EXTENSION) == is_gsm7(character), hex(code)


@given(st.text(ALPHABET))
def test_septets_are_those_of_the_standard(text: str) -> None:
    assert septets(text) == len(ORACLE.encode(text)[0])
    assert foreign(text) == {}


@given(st.text())
def test_whatever_comes_from_outside_can_be_shown_after_transliteration(text: str) -> None:
    assert is_gsm7(transliterated(text))


@given(st.text(ALPHABET))
def test_transliteration_leaves_gsm7_alone(text: str) -> None:
    assert transliterated(text) == text


@pytest.mark.parametrize(
    ("pasted", "shown"),
    [
        ("don\u2019t", "don't"),
        ("5\u201310", "5-10"),
        ("W\u0169mbua", "Wumbua"),
        ("ng\u014b", "ngng'"),
        ("\u00a0", " "),
    ],
)
def test_what_people_paste_has_a_plain_replacement(pasted: str, shown: str) -> None:
    assert transliterated(pasted) == shown


def test_every_replacement_is_itself_gsm7() -> None:
    assert all(is_gsm7(replacement) for replacement in REPLACEMENTS.values())
    assert not any(is_gsm7(character) for character in REPLACEMENTS)
