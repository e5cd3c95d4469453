"""Screens after which nothing is needed: who hangs up there has what they wanted."""

from __future__ import annotations

from menus.engine.graph import Graph, Kind
from menus.engine.lint import lint
from menus.engine.source import source_of
from menus.rules import VOCABULARY

Files = dict[str, str]


def test_screens_that_show_what_was_asked_for_need_nothing(graph: Graph) -> None:
    done = {name for name, screen in graph.screens.items() if screen.asks_nothing and not screen.ends}
    assert {"balance", "balance_and_more", "my_number", "payment_way", "claim_yours", "plan_set"} <= done
    # They offer something besides, and are said to inform.
    assert {"statement", "statement_empty", "help"} <= done


def test_where_something_is_asked_nobody_is_done(graph: Graph) -> None:
    asking = {name for name, screen in graph.screens.items() if not screen.asks_nothing}
    assert {"save_confirm", "language", "national_id", "balance_pin", "save_amounts"} <= asking
    for screen in graph.screens.values():
        if screen.kind in {Kind.INPUT, Kind.PIN, Kind.DECISION}:
            assert screen.name in asking


def test_what_is_typed_is_no_screen_that_informs(tiny: Files) -> None:
    file = "screens/tiny.yaml"
    changed = tiny[file].replace("kind: input", "kind: input\n    informs: true", 1)
    assert changed != tiny[file]
    found = lint(source_of({**tiny, file: changed}), VOCABULARY)
    assert any("kind input has no `informs`" in finding.message for finding in found)
