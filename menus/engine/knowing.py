"""Proves that every answer a screen or rule reads has been given on every way that leads there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from menus.engine.graph import SPECIAL_TARGETS, TO_HOME, TO_START, Graph, Kind, Screen
from menus.engine.navigation import LOCKED_MINUTES, TRIES_LEFT
from menus.engine.schema import Definition
from menus.engine.source import Finding
from menus.engine.wording import Texts

Known = frozenset[str]
_NOTHING: Known = frozenset()


def knowing_findings(
    graph: Graph, definition: Definition, languages: Mapping[str, Texts]
) -> Iterator[Finding]:
    """Placeholders, decisions and effects that would read an answer nobody has given yet."""
    results = {screen.effect.name for screen in graph.screens.values() if screen.effect}
    for name, known in sorted(known_at(graph).items()):
        screen = graph.screens[name]
        raw = definition.screens[name]
        for effect in sorted(results.intersection(screen.needs) if not screen.ends else ()):
            message = f"shows the result of `{effect}`, which is gone when it is shown again"
            yield raw.finding("", message, "let it end, or show a fact that stays")
        for rule in (screen.decision_rule, screen.effect):
            for answer in sorted(set(rule.answers if rule else ()) - known):
                message = f"`{answer}` may not be known here, and `{rule.name if rule else ''}` reads it"
                yield raw.finding("", message, "ask for it on every way that leads here")
        if screen.shown:
            for code, language in graph.languages.items():
                words = language.screens[name]
                for value in {*words.head.values, *words.whole.values}:
                    for answer in sorted(set(value.answers) - known):
                        message = f"{{{value.name}}} may not be known here: `{answer}` is not asked before"
                        yield languages[code].finding(f"screens.{name}.text", message, "ask for it first")


def known_at(graph: Graph) -> dict[str, Known]:
    """For every reachable screen the answers known there, whichever way one came. Going back keeps what is
    known, so only the ways forward count.
    """
    known: dict[str, Known] = {}
    waiting: list[tuple[str, Known]] = [
        (name, _NOTHING) for name in (graph.start, graph.resume, graph.stuck, graph.trouble, graph.over)
    ]
    waiting += [(link.to, frozenset({link.answer} - {""})) for link in graph.links]
    while waiting:
        name, arriving = waiting.pop()
        before = known.get(name)
        now = arriving if before is None else before & arriving
        if before is None or now != before:
            known[name] = now
            waiting.extend(_ways(graph, graph.screens[name], now))
    return known


def _ways(graph: Graph, screen: Screen, known: Known) -> Iterator[tuple[str, Known]]:
    """Where a screen leads, and what is known on arrival."""
    kept = known - set(screen.forgets)
    answered = kept | ({screen.answer} - {""})
    targets: list[tuple[str, Known]] = [
        (option.to, answered if screen.kind is Kind.CHOICE else kept) for option in screen.options
    ]
    proves = screen.decision_rule.proves if screen.decision_rule else {}
    targets += [
        (branch.to, known.union(proves.get(outcome, ()))) for outcome, branch in screen.branches.items()
    ]
    targets += [(screen.to, answered - {TRIES_LEFT})] if screen.to else []
    targets += [(screen.locked, known | {LOCKED_MINUTES})] if screen.locked else []
    targets += [(screen.mismatch, known - graph.secrets)] if screen.mismatch else []
    targets += [(TO_HOME, _NOTHING)] if screen.home and not screen.ends else []
    special = {TO_HOME: graph.home, TO_START: graph.start}
    for target, arriving in targets:
        if target in special:
            yield special[target], _NOTHING
        elif target not in SPECIAL_TARGETS:
            yield target, arriving
