"""Builds the immutable graph from a definition and texts that have been checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from menus.engine.graph import NO_CHOICE, Branch, Graph, Kind, Language, Link, Option, Screen, Words
from menus.engine.gsm7 import septets
from menus.engine.layout import OPTIONS_MAX, Entry
from menus.engine.model import BACK, HOME, MORE, SCREEN_SEPTETS, Expectation
from menus.engine.schema import Definition, RawScreen
from menus.engine.template import Template, cut
from menus.engine.vocabulary import Vocabulary
from menus.engine.wording import Texts

_HASH_DIGITS = 12


def compile_graph(definition: Definition, languages: Mapping[str, Texts], vocabulary: Vocabulary) -> Graph:
    """The graph. The definition must be free of findings; see `menus.engine.lint`."""
    menu = definition.menu.fields
    screens = {name: _screen(raw, languages, vocabulary) for name, raw in sorted(definition.screens.items())}
    secrets = {screen.answer for screen in screens.values() if screen.kind is Kind.PIN and screen.answer}
    return Graph(
        hash=content_hash(definition, languages),
        start=menu["start"],
        home=menu["home"],
        resume=menu["resume"],
        stuck=menu["stuck"],
        trouble=menu["trouble"],
        over=menu["over"],
        secrets=frozenset(secrets),
        screens=screens,
        languages={code: _language(texts, screens, vocabulary) for code, texts in sorted(languages.items())},
        links=tuple(_link(fields, vocabulary) for fields in menu.get("links") or ()),
        default_language=menu["default_language"],
        language_value=vocabulary.values.get(menu.get("language", "")),
    )


def content_hash(definition: Definition, languages: Mapping[str, Texts]) -> str:
    """Twelve hex digits of everything a caller could notice: screens, menu and texts."""
    content: dict[str, Any] = {
        "menu": definition.menu.fields,
        # Options are an ordered list to callers, so their order counts; that of screens and keys does not.
        "screens": {name: json.dumps(raw.fields) for name, raw in definition.screens.items()},
        "texts": {code: texts.by_key for code, texts in languages.items()},
    }
    written = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()[:_HASH_DIGITS]


def _screen(raw: RawScreen, languages: Mapping[str, Texts], vocabulary: Vocabulary) -> Screen:
    fields = raw.fields
    options = tuple(Option(value, to) for value, to in fields.get("options", {}).items())
    decision = vocabulary.decisions[fields["rule"]] if raw.kind is Kind.DECISION else None
    return Screen(
        name=raw.name,
        kind=raw.kind,
        answer=fields.get("answer", ""),
        to=fields.get("to", ""),
        options=options,
        options_by_value={option.value: option for option in options},
        list_rule=vocabulary.lists.get(fields.get("list", "")),
        input_rule=vocabulary.inputs[fields["rule"]] if raw.kind is Kind.INPUT else None,
        decision_rule=decision,
        effect=vocabulary.effects.get(fields.get("effect", "")),
        branches={outcome: _branch(branch) for outcome, branch in fields.get("branches", {}).items()},
        purpose=fields.get("purpose"),
        locked=fields.get("locked", ""),
        mismatch=fields.get("mismatch", ""),
        forgets=tuple(fields.get("forgets", ())),
        sensitive=fields.get("sensitive", False),
        long=fields.get("long", False),
        informs=fields.get("informs", False),
        ends=fields.get("ends", False),
        back=fields.get("back", True),
        home=fields.get("home", False),
        needs=_needs(raw, languages, vocabulary),
        expectation=_expectation(raw),
    )


def _expectation(raw: RawScreen) -> Expectation:
    if raw.kind is Kind.PIN:
        return Expectation.pin(raw.fields["purpose"])
    if raw.fields.get("ends"):
        return Expectation("nothing")
    return Expectation("text", sensitive=raw.fields.get("sensitive", False))


def _needs(raw: RawScreen, languages: Mapping[str, Texts], vocabulary: Vocabulary) -> tuple[str, ...]:
    """Facts that rendering this screen takes, in whatever language."""
    needs: set[str] = set()
    prefix = f"screens.{raw.name}."
    for texts in languages.values():
        for key, text in texts.by_key.items():
            if key.startswith(prefix) and not key.endswith(".item"):
                for value in cut(text, vocabulary.values.__getitem__).values:
                    needs.update(value.needs)
    if raw.kind is Kind.LIST:
        needs.update(vocabulary.lists[raw.fields["list"]].needs)
    return tuple(sorted(needs))


def _branch(fields: str | Mapping[str, str]) -> Branch:
    return Branch(fields) if isinstance(fields, str) else Branch(fields["to"], fields.get("say", ""))


def _link(fields: Mapping[str, Any], vocabulary: Vocabulary) -> Link:
    path = tuple(
        vocabulary.inputs[part[1:-1]] if part.startswith("<") else str(part) for part in fields["path"]
    )
    return Link(path, fields["to"], fields.get("answer", ""), tuple(fields["for"]))


def _language(texts: Texts, screens: Mapping[str, Screen], vocabulary: Vocabulary) -> Language:
    def template(key: str) -> Template:
        return cut(texts.by_key[key], vocabulary.values.__getitem__)

    words = {MORE: "navigation.more", BACK: "navigation.back", HOME: "navigation.home"}
    more, back, home = (f"{digits} {texts.by_key[key]}" for digits, key in words.items())
    navigation = tuple(
        " ".join(word for word, on in ((more, index & 4), (back, index & 2), (home, index & 1)) if on)
        for index in range(8)
    )
    remarks = {
        f"reason.{key.removeprefix('reasons.')}": template(key)
        for key in texts.by_key
        if key.startswith("reasons.")
    } | {key: template(key) for key in texts.by_key if key.startswith("say.")}
    return Language(
        code=texts.language,
        texts={
            key.removeprefix("words."): text for key, text in texts.by_key.items() if key.startswith("words.")
        },
        screens={
            name: _words(screen, texts, vocabulary, navigation)
            for name, screen in screens.items()
            if screen.shown
        },
        remarks=remarks,
        navigation=navigation,
        reason_room=septets(texts.by_key[f"reasons.{NO_CHOICE}"]),
    )


def _words(screen: Screen, texts: Texts, vocabulary: Vocabulary, navigation: tuple[str, ...]) -> Words:
    value_of = vocabulary.values.__getitem__
    key = f"screens.{screen.name}"
    head = texts.by_key[f"{key}.text"]
    labels = [texts.by_key[f"{key}.options.{option.value}"] for option in screen.options]
    lines = [f"{number} {label}" for number, label in enumerate(labels, 1)]
    whole = cut("\n".join([head, *lines]), value_of)
    longest_navigation = septets(navigation[2 * screen.back + screen.home]) + 1
    fixed = (
        screen.kind is not Kind.LIST
        and not screen.long
        and len(labels) <= OPTIONS_MAX
        and whole.septets_max + longest_navigation <= SCREEN_SEPTETS
    )
    options = tuple(cut(label, value_of) for label in labels)
    entries = tuple(map(Entry, screen.options_by_value, (template.text for template in options)))
    return Words(
        head=cut(head, value_of),
        options=options,
        entries=entries if all(template.is_plain for template in options) else None,
        item=texts.by_key.get(f"{key}.item", "{item}"),
        whole=whole,
        fixed=fixed,
    )
