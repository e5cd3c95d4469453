"""Pages fit, lose nothing, and never cut a word, an amount or a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings import BadSettings, load_settings
from menus.engine.graph import Graph
from menus.engine.gsm7 import septets
from menus.engine.layout import OPTIONS_MAX, Entry, Frame, pages_of
from menus.engine.model import SCREEN_SEPTETS
from menus.engine.template import GLUE, shortened
from operations.walks.run import BUDGETS
from tests.core.test_core_settings import GOOD

WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789.,{}€", min_size=1, max_size=20)
TEXT = st.lists(WORD, min_size=1, max_size=120).map(" ".join)
LABEL = st.lists(WORD, min_size=1, max_size=3).map(" ".join)
NAVIGATION = ("", "00 Home", "0 Back", "0 Back 00 Home", "98 More", "98 More 00 Home", "98 More 0 Back",
              "98 More 0 Back 00 Home")  # fmt: skip
FRAME = st.builds(
    Frame,
    st.integers(160, 182),
    st.integers(0, 34),
    st.just(NAVIGATION),
    back=st.booleans(),
    home=st.booleans(),
)


@given(st.lists(LABEL, min_size=1, max_size=40), FRAME, st.booleans())
def test_the_pages_of_a_list_are_the_whole_list_in_order(
    labels: list[str], frame: Frame, numbered: bool
) -> None:
    entries = [Entry(f"={index}" if numbered else "", label) for index, label in enumerate(labels)]
    pages = pages_of("Choose", entries, frame, long=False)
    shown = [line.split(" ", 1)[1] if numbered else line for page in pages for line in page.lines]
    assert shown == labels
    assert [value for page in pages for value in page.values] == [
        entry.value for entry in entries if numbered
    ]
    for index, page in enumerate(pages):
        assert septets(page.text) <= frame.budget
        assert len(page.values) <= OPTIONS_MAX
        assert page.more == (index < len(pages) - 1) == ("98 More" in page.text)
        assert ("0 Back" in page.navigation) == (frame.back or index > 0)


@given(TEXT, st.lists(LABEL, max_size=3), FRAME)
def test_the_pages_of_a_long_text_are_the_whole_text_word_by_word(
    text: str, labels: list[str], frame: Frame
) -> None:
    entries = [Entry(f"o{index}", label) for index, label in enumerate(labels)]
    pages = pages_of(text, entries, frame, long=True)
    assert " ".join(page.head for page in pages if page.head).split() == text.split()
    assert all(septets(page.text) <= frame.budget for page in pages)
    assert [value for page in pages for value in page.values] == [entry.value for entry in entries]


def test_a_word_is_not_torn_to_give_options_company() -> None:
    frame = Frame(40, 15, NAVIGATION, back=False, home=False)
    pages = pages_of("0000000 00000000000000{", [Entry("yes", "Yes")], frame, long=True)
    assert " ".join(page.head for page in pages if page.head) == "0000000 00000000000000{"


@given(TEXT, FRAME)
def test_a_screen_longer_than_anyone_declared_takes_another_page(text: str, frame: Frame) -> None:
    pages = pages_of(text, [Entry("yes", "Yes"), Entry("no", "No")], frame, long=False)
    assert all(septets(page.text) <= frame.budget for page in pages)
    assert [value for page in pages for value in page.values] == ["yes", "no"]


@given(st.integers(0, 200))
def test_an_amount_is_never_torn_from_its_currency(offset: int) -> None:
    text = "x " * offset + f"pay KES{GLUE}1,250 now " + "y " * 200
    pages = pages_of(text.strip(), [], Frame(160, 30, NAVIGATION, back=False, home=False), long=True)
    assert any(f"KES{GLUE}1,250" in page.head for page in pages)


def test_navigation_takes_no_room_when_it_does_not_apply() -> None:
    frame = Frame(160, 0, NAVIGATION, back=False, home=False)
    assert len(pages_of("w" * 160, [], frame, long=False)) == 1


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=12), min_size=1, max_size=6), st.integers(6, 40))
def test_a_long_name_is_made_to_fit_and_shows_that_it_was(words: list[str], room: int) -> None:
    name = " ".join(words)
    short = shortened(name, room)
    assert septets(short) <= room
    assert short == name or "." in short or len(short.split()) < len(words)
    assert short[0] == name[0]


def test_names_are_shortened_by_rule() -> None:
    assert shortened("Wanjiku Njeri Mwangi", 17) == "Wanjiku N. Mwangi"
    assert shortened("Wanjiku Njeri Mwangi", 14) == "Wanjiku Mwangi"
    assert shortened("Wanjiku Njeri Mwangi", 10) == "Wanjiku M."
    assert shortened("Wanjiku", 5) == "Wanj."


@pytest.mark.parametrize(("budget", "pages"), [(SCREEN_SEPTETS, {1}), (182, {1}), (140, {1, 2})])
def test_every_last_screen_is_one_page_of_what_settings_allow(
    graph: Graph, budget: int, pages: set[int]
) -> None:
    """Nobody turns a page of a call that has ended; on less than settings allow some would have to."""
    frame = Frame(budget, 0, NAVIGATION, back=False, home=False)
    last = [screen.name for screen in graph.screens.values() if screen.ends]
    heads = [words.screens[name].head.fill_longest() for words in graph.languages.values() for name in last]
    assert {len(pages_of(head, [], frame, long=False)) for head in heads} == pages


def test_the_least_room_that_settings_allow_is_what_the_lint_proves() -> None:
    least = next(room for room in range(1, 200) if allows(room))
    assert (least, allows(182), allows(183)) == (SCREEN_SEPTETS, True, False)


def test_random_walks_have_the_room_that_settings_allow() -> None:
    assert (min(BUDGETS), max(BUDGETS)) == (SCREEN_SEPTETS, 182)
    assert all(allows(budget) for budget in BUDGETS)


def allows(room: int) -> bool:
    try:
        load_settings(_env_file=None, **GOOD | {"ussd_screen_septets": room})
    except BadSettings:
        return False
    return True
