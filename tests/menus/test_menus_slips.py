"""Slips of the finger: told, counted in a row, and never the loss of a place or a question."""

import pytest

import menus
from menus import Opening, Step, Typed
from menus.engine.graph import Graph
from menus.engine.gsm7 import septets
from tests.menus.walking import FactsOf, done, walked


def test_a_slip_keeps_the_page(graph: Graph, facts: FactsOf) -> None:
    second = walked(graph, facts("none"), "2", "3", "98")
    slipped = done(graph, second.session, Typed("?"), facts("none"))
    assert slipped.text == f"Choose a number shown.\n{second.text}"
    assert slipped.session.page == second.session.page


@pytest.mark.parametrize("typed", ["7", "x", "12345678"])
def test_a_slip_is_told_and_never_takes_the_question_away(graph: Graph, facts: FactsOf, typed: str) -> None:
    asked = walked(graph, facts("none"), "2")
    assert "May we keep your data" in asked.text
    told = done(graph, asked.session, Typed(typed), facts("none")).text
    assert told == f"Choose a number shown.\n{asked.text}"


@pytest.mark.parametrize(
    ("budget", "told"),
    [(160, "Choose a number shown.\n"), (154, "Wrong key.\n"), (143, "Wrong key.\n"), (142, "")],
)
def test_where_there_is_little_room_a_slip_is_told_in_two_words(
    graph: Graph, facts: FactsOf, budget: int, told: str
) -> None:
    asked = walked(graph, facts("none"), "2")
    assert septets(asked.text) == 132
    slipped = menus.step(graph, asked.session, Typed("7"), facts("none"), budget)
    assert isinstance(slipped, Step)
    assert slipped.text == told + asked.text


@pytest.mark.parametrize("then", [[], ["7"]])
def test_a_call_cut_off_where_help_is_offered_goes_on_where_it_was(
    graph: Graph, facts: FactsOf, then: list[str]
) -> None:
    asked = walked(graph, facts("none"), "2", "1", "12345678")
    offered = walked(graph, facts("none"), "2", "1", "12345678", "7", "7", "7", *then)
    assert offered.session.screen == "stuck"
    again = done(graph, None, Opening(suspended=offered.session), facts("none"))
    assert again.session.screen == "resume"
    assert done(graph, again.session, Typed("1"), facts("none")).text == asked.text


def test_who_is_stuck_can_start_again(graph: Graph, facts: FactsOf) -> None:
    offered = walked(graph, facts("active"), "2", "x", "x", "x")
    home = walked(graph, facts("active"))
    assert done(graph, offered.session, Typed("3"), facts("active")).text == home.text


def test_help_is_offered_at_the_third_slip_and_leads_back_to_the_page(graph: Graph, facts: FactsOf) -> None:
    second = walked(graph, facts("none"), "2", "3", "98")
    offered = walked(graph, facts("none"), "2", "3", "98", "?", "?", "?")
    assert offered.session.screen == "stuck"
    assert ("helped", "about_more") in [(event.kind, event.screen) for event in offered.events]
    assert done(graph, offered.session, Typed("1"), facts("none")).text == second.text


def test_slips_count_only_in_a_row(graph: Graph, facts: FactsOf) -> None:
    finished = walked(graph, facts("none"), "2", "x", "x", "3", "x", "x", "98", "x", "x")
    assert finished.session.screen == "about_more"


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (160, "Chagua nambari iliyopo. / Choose a number shown.\n"),
        (110, "Si sahihi. / Wrong key.\n"),
    ],
)
def test_who_has_not_chosen_a_language_reads_of_a_slip_in_each(
    graph: Graph, facts: FactsOf, budget: int, told: str
) -> None:
    asked = walked(graph, facts("none"))
    slipped = menus.step(graph, asked.session, Typed("9"), facts("none"), budget)
    assert isinstance(slipped, Step)
    assert slipped.text == told + asked.text
    assert septets(slipped.text) <= budget


def test_who_has_not_chosen_a_language_reads_in_each_why_an_alias_leads_nowhere(
    graph: Graph, facts: FactsOf
) -> None:
    asked = walked(graph, facts("none"))
    dialled = done(graph, None, Opening(("77", "1")), facts("none"))
    assert dialled.text == (
        f"Hatuijui nambari hiyo. Hii hapa menyu. / We do not know that code. Here is the menu.\n{asked.text}"
    )
