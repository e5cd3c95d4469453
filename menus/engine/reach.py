"""Checks on the shape of the graph: unreachable screens, dead ends, circles without a way out."""

from __future__ import annotations

from collections.abc import Iterator

from menus.engine.graph import TO_BACK, TO_HOME, TO_RESUME, TO_START, Kind
from menus.engine.names import targets_of
from menus.engine.schema import MENU_SCREENS, Definition, RawScreen
from menus.engine.source import Finding


def reach_findings(definition: Definition) -> Iterator[Finding]:
    """Screens nobody can come to, and screens nobody can come away from."""
    edges = {name: edges_of(raw, definition) for name, raw in definition.screens.items()}
    entries = [definition.menu.fields[field] for field in MENU_SCREENS]
    entries += [link["to"] for link in definition.menu.fields.get("links") or ()]
    reached = _closure(entries, edges)
    for name, raw in definition.screens.items():
        if name not in reached:
            yield raw.finding("", "no way leads here", "lead to it from some screen, or remove it")
    backwards: dict[str, set[str]] = {name: set() for name in edges}
    for name, targets in edges.items():
        for target in targets:
            backwards[target].add(name)
    last = [name for name, raw in definition.screens.items() if raw.fields.get("ends")]
    leaving = _closure(last, backwards)
    for name, raw in definition.screens.items():
        if _is_dead_end(raw):
            yield raw.finding("", "a dead end: nothing to answer, no Back, no Home", "add `ends: true`")
        elif name not in leaving and not _leads_back_only(raw):
            yield raw.finding("", "a circle: no way from here to an end", "add an option that leads out")
    yield from _decision_circles(definition, edges)
    decisions = {name: edges[name] for name in edges if definition.screens[name].kind is Kind.DECISION}
    first = _closure(entries, {name: decisions.get(name, set()) for name in edges})
    for name in sorted(first):
        if _is_dead_end(definition.screens[name], back=False):
            raw = definition.screens[name]
            yield raw.finding("", "may be the first screen, where there is no Back", "add `home: true`")


def edges_of(raw: RawScreen, definition: Definition) -> set[str]:
    """Screens that a screen leads to forwards; Back is not among them, for it only leads to where one was."""
    menu = definition.menu.fields
    special = {TO_HOME: menu["home"], TO_START: menu["start"]}
    edges = {special.get(target, target) for _, target in targets_of(raw)} - {TO_BACK, TO_RESUME}
    if raw.fields.get("home") and not raw.fields.get("ends"):
        edges.add(menu["home"])
    return edges


def _is_dead_end(raw: RawScreen, *, back: bool = True) -> bool:
    """Nothing to answer and no way back; a list counts as nothing, for it may be empty."""
    answers = raw.kind in {Kind.CHOICE, Kind.INPUT, Kind.PIN, Kind.DECISION}
    if answers or raw.fields.get("options") or raw.fields.get("ends"):
        return False
    return not raw.fields.get("home") and not (back and raw.fields.get("back", True))


def _leads_back_only(raw: RawScreen) -> bool:
    """A side room such as a help text: one leaves it the way one came."""
    targets = {target for _, target in targets_of(raw)}
    return raw.fields.get("back", True) is True and targets <= {TO_BACK} and raw.kind is not Kind.DECISION


def _decision_circles(definition: Definition, edges: dict[str, set[str]]) -> Iterator[Finding]:
    """Decisions that lead into each other ask nobody anything and would never end."""
    decisions = {name for name, raw in definition.screens.items() if raw.kind is Kind.DECISION}
    within = {name: edges[name] & decisions for name in decisions}
    for name in sorted(decisions):
        if name in _closure(sorted(within[name]), within):
            yield definition.screens[name].finding("", "decides in a circle", "lead it to a screen")


def _closure(start: list[str], edges: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(edges[name])
    return reached
