"""The shape of a definition: which fields each kind of screen has, and plain advice when one is wrong.

Field types: `flag` (true or false), `screen` (a screen or `<back>`, `<home>`, …), `word` (a name),
`words` (a list of names), `options` (value: screen), `branches` (outcome: screen, or to and say).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from menus.engine.graph import Kind
from menus.engine.source import Document, Finding, Source

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*\Z")
_EVERYWHERE: Final = {"back": "flag", "home": "flag"}
_OPTIONAL: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.CHOICE: {
        "answer": "word",
        "long": "flag",
        "informs": "flag",
        "forgets": "words",
        **_EVERYWHERE,
    },
    Kind.INPUT: {"forgets": "words", "sensitive": "flag", **_EVERYWHERE},
    Kind.PIN: {"answer": "word", "forgets": "words", "locked": "screen", "mismatch": "screen", **_EVERYWHERE},
    Kind.LIST: {
        "answer": "word",
        "to": "screen",
        "options": "options",
        "informs": "flag",
        "forgets": "words",
        **_EVERYWHERE,
    },
    Kind.DECISION: {"effect": "word"},
    Kind.NOTICE: {"ends": "flag", "long": "flag", **_EVERYWHERE},
}
_REQUIRED: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.CHOICE: {"options": "options"},
    Kind.INPUT: {"rule": "word", "answer": "word", "to": "screen"},
    Kind.PIN: {"purpose": "word", "to": "screen"},
    Kind.LIST: {"list": "word"},
    Kind.DECISION: {"rule": "word", "branches": "branches"},
    Kind.NOTICE: {},
}
# What a PIN screen needs besides, by purpose.
_PIN_NEEDS: Final = {"set": {"answer"}, "repeat": {"mismatch"}, "check": {"answer", "locked"}}
MENU_SCREENS: Final = ("start", "home", "resume", "stuck", "trouble", "over")


@dataclass(frozen=True, slots=True)
class RawScreen:
    """A screen as written, shape checked, with its place in the files."""

    name: str
    kind: Kind
    fields: Mapping[str, Any]
    document: Document

    def finding(self, field: str, message: str, fix: str = "") -> Finding:
        line = self.document.line("screens", self.name, *field.split("."))
        return Finding(self.document.file, line, f"screen `{self.name}`: {message}", fix)


@dataclass(frozen=True, slots=True)
class RawMenu:
    """The `menu` section: the special screens, languages and links."""

    fields: Mapping[str, Any]
    document: Document

    def finding(self, field: str, message: str, fix: str = "") -> Finding:
        line = self.document.line("menu", *field.split("."))
        return Finding(self.document.file, line, f"menu: {message}", fix)


@dataclass(frozen=True, slots=True)
class Definition:
    """Menu and screens with the right shape; names may still lead nowhere."""

    menu: RawMenu
    screens: Mapping[str, RawScreen]


def read_definition(source: Source) -> tuple[Definition | None, list[Finding]]:
    """The definition, or None with findings that each name a fix."""
    findings: list[Finding] = []
    menus: list[RawMenu] = []
    screens: dict[str, RawScreen] = {}
    for document in source.screens:
        for section in document.data:
            if section not in {"menu", "defaults", "screens"}:
                line = document.line(section)
                findings.append(Finding(document.file, line, f"unknown section `{section}`", "see docs"))
        if "menu" in document.data:
            menus.append(RawMenu(document.data["menu"], document))
        for raw in _screens_in(document, findings):
            if raw.name in screens:
                other = screens[raw.name].document.file
                findings.append(raw.finding("", f"already in {other}", "give it another name"))
            screens[raw.name] = raw
    if len(menus) != 1:
        files = ", ".join(menu.document.file for menu in menus) or "no file"
        findings.append(Finding(files, 1, f"{len(menus)} `menu` sections", "have exactly one"))
        return None, findings
    findings.extend(_menu_findings(menus[0]))
    return (None if findings else Definition(menus[0], screens)), findings


def _screens_in(document: Document, findings: list[Finding]) -> Iterator[RawScreen]:
    defaults = document.data.get("defaults") or {}
    screens = document.data.get("screens") or {}
    if not isinstance(screens, dict) or not isinstance(defaults, dict):
        findings.append(Finding(document.file, 1, "`screens` and `defaults` hold names", "indent them"))
        return
    for field in defaults:
        if field not in _EVERYWHERE:
            line = document.line("defaults", field)
            findings.append(Finding(document.file, line, f"no default for `{field}`", "use back or home"))
    for name, fields in screens.items():
        line = document.line("screens", name)
        if not _NAME.match(name):
            findings.append(Finding(document.file, line, f"`{name}` is no name", "use a-z, 0-9 and _"))
        if not isinstance(fields, dict) or str(fields.get("kind")) not in {kind.value for kind in Kind}:
            kinds = ", ".join(kind.value for kind in Kind)
            findings.append(Finding(document.file, line, f"screen `{name}` has no kind", f"one of {kinds}"))
            continue
        kind = Kind(fields["kind"])
        given = {**defaults, **fields} if kind is not Kind.DECISION else fields
        raw = RawScreen(name, kind, given, document)
        findings.extend(_screen_findings(raw))
        yield raw


def _screen_findings(raw: RawScreen) -> Iterator[Finding]:
    required = _REQUIRED[raw.kind]
    known = {**_OPTIONAL[raw.kind], **required}
    for field, value in raw.fields.items():
        if field == "kind":
            continue
        if field not in known:
            advice = closest(field, known)
            yield raw.finding(field, f"kind {raw.kind.value} has no `{field}`", advice)
        elif complaint := _shape_complaint(known[field], value):
            yield raw.finding(field, f"`{field}` {complaint}", "see the kinds in docs/menus.md")
    for field in required:
        if field not in raw.fields:
            yield raw.finding("", f"kind {raw.kind.value} needs `{field}`", f"add `{field}:`")
    if raw.kind is Kind.PIN and "purpose" in raw.fields:
        purpose = raw.fields["purpose"]
        if purpose not in _PIN_NEEDS:
            yield raw.finding("purpose", f"no PIN purpose `{purpose}`", "set, repeat or check")
        for field in sorted(_PIN_NEEDS.get(purpose, set())):
            if field not in raw.fields:
                yield raw.finding("", f"a PIN to {purpose} needs `{field}`", f"add `{field}:`")
    if raw.kind is Kind.LIST and ("to" in raw.fields) != ("answer" in raw.fields):
        yield raw.finding("", "a list to choose from has `answer` and `to`", "give both or neither")


def _menu_findings(menu: RawMenu) -> Iterator[Finding]:
    if not isinstance(menu.fields, dict):
        yield Finding(menu.document.file, 1, "`menu` holds names", "indent them")
        return
    known = {*MENU_SCREENS, "language", "default_language", "links"}
    for field in menu.fields:
        if field not in known:
            yield menu.finding(field, f"no `{field}` here", closest(field, known))
    for field in (*MENU_SCREENS, "default_language"):
        if not isinstance(menu.fields.get(field), str):
            yield menu.finding(field, f"`{field}` is missing", f"add `{field}:`")
    links = menu.fields.get("links") or []
    for index, link in enumerate(links if isinstance(links, list) else [None]):
        keys = set(link) if isinstance(link, dict) else set()
        if not {"path", "to", "for"} <= keys <= {"path", "to", "for", "answer"}:
            yield menu.finding(f"links.{index}", "a link has path, to, for and perhaps answer", "add them")
        elif not (_is_words(link["path"]) and _is_words(link["for"]) and isinstance(link["to"], str)):
            yield menu.finding(f"links.{index}", "path and for are lists, to is a screen", "use [ ]")


def _shape_complaint(shape: str, value: Any) -> str:
    if shape == "flag":
        return "" if isinstance(value, bool) else "is true or false"
    if shape in {"word", "screen"}:
        return "" if isinstance(value, str) and value else "is one name"
    if shape == "words":
        return "" if _is_words(value) else "is a list of names"
    if not isinstance(value, dict) or not value:
        return "is a list of `name: screen`"
    for target in value.values():
        if isinstance(target, str) and target:
            continue
        if (
            shape == "branches"
            and isinstance(target, dict)
            and "to" in target
            and set(target) <= {"to", "say"}
        ):
            continue
        return "leads to a screen" + (" or has `to` and `say`" if shape == "branches" else "")
    return ""


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) and word for word in value)


def closest(word: str, known: Collection[str]) -> str:
    """Advice: the known name nearest to `word`, or all of them."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else "known are " + ", ".join(sorted(known))
