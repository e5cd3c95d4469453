"""Checks that every name in a definition leads somewhere: screens, rules, effects, languages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from menus.engine.graph import SPECIAL_TARGETS, Kind
from menus.engine.schema import MENU_SCREENS, Definition, RawScreen, closest
from menus.engine.source import Finding
from menus.engine.vocabulary import Vocabulary
from menus.engine.wording import Texts


def name_findings(
    definition: Definition, languages: Mapping[str, Texts], vocabulary: Vocabulary
) -> Iterator[Finding]:
    """Names that lead nowhere, and outcomes that lead nowhere."""
    screens = definition.screens
    for raw in screens.values():
        for field, target in targets_of(raw):
            if target not in screens and target not in SPECIAL_TARGETS:
                yield raw.finding(field, f"leads to `{target}`, which is no screen", closest(target, screens))
        yield from _rule_findings(raw, vocabulary)
    yield from _menu_findings(definition, languages, vocabulary)


def targets_of(raw: RawScreen) -> Iterator[tuple[str, str]]:
    """Every (field, target) of a screen."""
    for field in ("to", "locked", "mismatch"):
        if field in raw.fields:
            yield field, raw.fields[field]
    for value, target in raw.fields.get("options", {}).items():
        yield f"options.{value}", target
    for outcome, branch in raw.fields.get("branches", {}).items():
        yield f"branches.{outcome}", branch if isinstance(branch, str) else branch["to"]


def _rule_findings(raw: RawScreen, vocabulary: Vocabulary) -> Iterator[Finding]:
    if raw.kind is Kind.INPUT:
        yield from _known(raw, "rule", vocabulary.inputs, "input rule")
    elif raw.kind is Kind.LIST:
        yield from _known(raw, "list", vocabulary.lists, "list")
    elif raw.kind is Kind.DECISION:
        yield from _known(raw, "rule", vocabulary.decisions, "decision")
        if "effect" in raw.fields:
            yield from _known(raw, "effect", vocabulary.effects, "effect")
        rule = vocabulary.decisions.get(raw.fields["rule"])
        branches = set(raw.fields["branches"])
        for outcome in sorted(set(rule.outcomes if rule else ()) - branches):
            yield raw.finding("branches", f"outcome `{outcome}` leads nowhere", f"add `{outcome}: SCREEN`")
        for outcome in sorted(branches - set(rule.outcomes if rule else branches)):
            advice = closest(outcome, rule.outcomes if rule else ())
            yield raw.finding(f"branches.{outcome}", f"`{outcome}` never happens", advice)
    elif raw.kind is Kind.NOTICE and raw.fields.get("ends") and raw.fields.get("long"):
        yield raw.finding("long", "a last screen has one page", "shorten it, or lead to it by a long one")


def _known(raw: RawScreen, field: str, rules: Collection[str], what: str) -> Iterator[Finding]:
    name = raw.fields[field]
    if name not in rules:
        yield raw.finding(field, f"no {what} is called `{name}`", closest(name, rules))


def _menu_findings(
    definition: Definition, languages: Mapping[str, Texts], vocabulary: Vocabulary
) -> Iterator[Finding]:
    menu, screens = definition.menu, definition.screens
    for field in MENU_SCREENS:
        name = menu.fields[field]
        if name not in screens:
            yield menu.finding(field, f"`{name}` is no screen", closest(name, screens))
        elif field == "start" and screens[name].kind is not Kind.DECISION:
            yield menu.finding(field, f"`{name}` is no decision", "begin with a decision on who is calling")
        elif field in {"trouble", "over"} and not screens[name].fields.get("ends"):
            yield menu.finding(field, f"`{name}` does not end the session", "add `ends: true` to it")
    if menu.fields["default_language"] not in languages:
        yield menu.finding("default_language", "there are no texts for it", closest("", languages))
    if "language" in menu.fields and menu.fields["language"] not in vocabulary.values:
        yield menu.finding("language", "no value of that name", closest("", vocabulary.values))
    yield from _link_findings(definition, vocabulary)


def _link_findings(definition: Definition, vocabulary: Vocabulary) -> Iterator[Finding]:
    menu, screens = definition.menu, definition.screens
    start = screens.get(menu.fields["start"])
    origins = start.fields.get("branches", {}) if start else {}
    for index, link in enumerate(menu.fields.get("links") or ()):
        where = f"links.{index}"
        if link["to"] not in screens:
            yield menu.finding(where, f"leads to `{link['to']}`, no screen", closest(link["to"], screens))
        for part in link["path"]:
            if part.startswith("<") and part[1:-1] not in vocabulary.inputs:
                yield menu.finding(where, f"no input rule `{part}`", closest(part, vocabulary.inputs))
        for origin in link["for"]:
            if origin not in origins:
                yield menu.finding(where, f"`{origin}` is no outcome of start", closest(origin, origins))
