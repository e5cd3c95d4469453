"""Reads the texts of every language and holds them against the screens and against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from menus.engine.graph import NO_CHOICE, NO_CHOICE_SHORT, Kind
from menus.engine.gsm7 import foreign
from menus.engine.schema import Definition, RawScreen, closest
from menus.engine.source import Document, Finding, Source
from menus.engine.template import counted, placeholders, stray_braces
from menus.engine.vocabulary import Vocabulary

_SECTIONS = ("navigation", "reasons", "say", "words", "screens")
_NAVIGATION = ("navigation.more", "navigation.back", "navigation.home")
_PIN_REASONS = ("pin_format", "pin_wrong", "pin_mismatch", "pin_sequence", "pin_repeated", "pin_birth_year")
LINK_SAYS = ("link_unknown", "link_first")


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language by dotted key, such as `screens.home.options.save`."""

    language: str
    by_key: Mapping[str, str]
    document: Document

    def finding(self, key: str, message: str, fix: str = "") -> Finding:
        return Finding(self.document.file, self.document.line(*key.split(".")), f"`{key}`: {message}", fix)


def read_texts(source: Source) -> tuple[dict[str, Texts], list[Finding]]:
    """Every language, named after its file."""
    findings: list[Finding] = []
    languages: dict[str, Texts] = {}
    for document in source.texts:
        code = document.file.rsplit("/", 1)[-1].removesuffix(".yaml")
        by_key: dict[str, str] = {}
        for section, below in document.data.items():
            if section not in _SECTIONS:
                line = document.line(section)
                advice = closest(section, _SECTIONS)
                findings.append(Finding(document.file, line, f"no section `{section}`", advice))
                continue
            _flatten(section, below, by_key, document, findings)
        languages[code] = Texts(code, by_key, document)
    return languages, findings


def _flatten(
    key: str, value: object, by_key: dict[str, str], document: Document, findings: list[Finding]
) -> None:
    if isinstance(value, dict):
        for name, below in value.items():
            _flatten(f"{key}.{name}", below, by_key, document, findings)
    elif isinstance(value, str) and value.strip():
        by_key[key] = "\n".join(line.strip() for line in value.strip().split("\n"))
    else:
        line = document.line(*key.split("."))
        findings.append(Finding(document.file, line, f"`{key}` is no text", "write it in quotes"))


def text_findings(
    definition: Definition, languages: Mapping[str, Texts], vocabulary: Vocabulary
) -> Iterator[Finding]:
    """Texts missing, left over, different in placeholders, outside GSM-7, or telling a PIN."""
    required = required_keys(definition, vocabulary)
    optional = {f"screens.{raw.name}.item" for raw in definition.screens.values() if raw.kind is Kind.LIST}
    words = {key for texts in languages.values() for key in texts.by_key if key.startswith("words.")}
    written = {key for texts in languages.values() for key in texts.by_key} & optional
    secrets = {str(raw.fields.get("answer")) for raw in definition.screens.values() if raw.kind is Kind.PIN}
    for texts in languages.values():
        for key in sorted((required | words | written) - set(texts.by_key)):
            yield texts.finding(key, f"missing in {texts.language}", "translate it")
        for key in sorted(set(texts.by_key) - required - words - optional):
            yield texts.finding(key, "nothing uses this text", "remove it, or check the name")
        for key, text in texts.by_key.items():
            yield from _content_findings(texts, key, text, vocabulary, secrets)
    yield from _difference_findings(languages)


def required_keys(definition: Definition, vocabulary: Vocabulary) -> set[str]:
    """Every key that each language must have."""
    reasons = {NO_CHOICE, NO_CHOICE_SHORT}
    says: set[str] = set()
    keys: set[str] = set(_NAVIGATION)
    for raw in definition.screens.values():
        if raw.kind is Kind.DECISION:
            branches = raw.fields["branches"].values()
            says.update(branch["say"] for branch in branches if isinstance(branch, dict) and "say" in branch)
            continue
        keys.add(f"screens.{raw.name}.text")
        keys.update(f"screens.{raw.name}.options.{value}" for value in raw.fields.get("options", {}))
        reasons.update(reasons_of(raw, vocabulary))
    links = definition.menu.fields.get("links") or []
    if links:
        says.update(LINK_SAYS)
    for link in links:
        for part in link["path"]:
            rule = vocabulary.inputs.get(part.strip("<>"))
            reasons.update(rule.reasons if rule else ())
    keys.update(f"reasons.{reason}" for reason in reasons)
    keys.update(f"say.{say}" for say in says)
    return keys


def reasons_of(raw: RawScreen, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Why an answer to this screen may be refused."""
    if raw.kind is Kind.PIN:
        return _PIN_REASONS
    if raw.kind is Kind.INPUT:
        rule = vocabulary.inputs.get(raw.fields["rule"])
        return rule.reasons if rule else ()
    return (NO_CHOICE,)


def _content_findings(
    texts: Texts, key: str, text: str, vocabulary: Vocabulary, secrets: set[str]
) -> Iterator[Finding]:
    for character, replacement in foreign(text).items():
        code = f"U+{ord(character):04X}"
        yield texts.finding(key, f"{character!r} ({code}) is not GSM-7", f"write {replacement!r}")
    if stray_braces(text):
        yield texts.finding(key, "a brace that is no placeholder", "write {name}, {name|one|more}, or none")
    for name in placeholders(text):
        if name in secrets or name == "pin" or name.startswith("pin_"):
            yield texts.finding(key, f"{{{name}}} would show a PIN", "take it out")
        elif name == "item" and key.endswith(".item"):
            continue
        elif name not in vocabulary.values or key.startswith(("words.", "navigation.")):
            yield texts.finding(key, f"nothing fills {{{name}}}", closest(name, vocabulary.values))
    for name in counted(text):
        if name in vocabulary.values and not vocabulary.values[name].longest.isdigit():
            yield texts.finding(key, f"{{{name}}} is no number that has two forms", f"write {{{name}}}")
    if key.endswith(".item") and "{item}" not in text:
        yield texts.finding(key, "the item itself is not shown", "write {item}")


def _difference_findings(languages: Mapping[str, Texts]) -> Iterator[Finding]:
    first, *others = languages.values()
    for other in others:
        for key in first.by_key.keys() & other.by_key.keys():
            ours, theirs = set(placeholders(first.by_key[key])), set(placeholders(other.by_key[key]))
            if ours != theirs:
                odd = ", ".join(sorted(ours ^ theirs))
                message = f"placeholders differ from {first.language}: {odd}"
                yield other.finding(key, message, "use the same ones in both")
