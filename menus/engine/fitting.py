"""Measures every screen in every language with the longest values it can have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from menus.engine.graph import ITEM, NO_CHOICE, NO_CHOICE_SHORT, Graph, Kind, Language, Screen, in_each
from menus.engine.gsm7 import septets
from menus.engine.layout import OPTIONS_MAX, Entry, Frame, Page, pages_of
from menus.engine.model import SCREEN_SEPTETS
from menus.engine.schema import Definition
from menus.engine.source import Finding
from menus.engine.wording import LINK_SAYS, Texts

_NO_SIGN = re.compile(r"[^a-z0-9]+")
_CHECK_REASONS = ("pin_format", "pin_wrong")
_SET_REASONS = ("pin_format", "pin_sequence", "pin_repeated", "pin_birth_year", "pin_mismatch")


def fit_findings(graph: Graph, definition: Definition, languages: Mapping[str, Texts]) -> Iterator[Finding]:
    """Pages over the limit, options too many or alike, remarks that do not fit above their screen."""
    for screen in graph.screens.values():
        raw = definition.screens[screen.name]
        if len(screen.options) > OPTIONS_MAX:
            message = f"{len(screen.options)} options, more than {OPTIONS_MAX}"
            yield raw.finding("options", message, "group some of them on a screen of their own")
        if not screen.shown:
            continue
        for code, language in graph.languages.items():
            for key, message, fix in _screen_findings(graph, language, screen):
                yield languages[code].finding(f"screens.{screen.name}{key}", message, fix)
    yield from _remark_findings(graph, languages)
    yield from _link_findings(graph, languages)


def longest_pages(language: Language, screen: Screen) -> list[Page]:
    """The pages of a screen when everything on it is as long as it can be."""
    words = language.screens[screen.name]
    entries: list[Entry] = []
    if screen.list_rule is not None:
        mark = ITEM if screen.to else ""
        line = words.item.replace("{item}", screen.list_rule.longest)
        entries += [Entry(mark and f"{mark}{index}", line) for index in range(screen.list_rule.items_max)]
    for option, template in zip(screen.options, words.options, strict=True):
        entries.append(Entry(option.value, template.fill_longest()))
    frame = Frame(
        SCREEN_SEPTETS,
        language.reason_room,
        language.navigation,
        back=screen.back and not screen.ends,
        home=screen.home and not screen.ends,
    )
    return pages_of(words.head.fill_longest(), entries, frame, long=screen.long)


def _screen_findings(graph: Graph, language: Language, screen: Screen) -> Iterator[tuple[str, str, str]]:
    pages = longest_pages(language, screen)
    words = language.screens[screen.name]
    longest = max(septets(page.text) for page in pages)
    if not screen.long and screen.kind is not Kind.LIST and len(pages) > 1:
        longest = words.whole.septets_max
        yield "", f"up to {longest} septets and navigation need {len(pages)} pages", "shorten it"
    elif longest > SCREEN_SEPTETS:
        yield "", f"up to {longest} septets on a page, more than {SCREEN_SEPTETS}", "shorten it"
    if screen.list_rule:
        label = words.item.replace("{item}", screen.list_rule.longest)
        if not any(line.endswith(label) for page in pages for line in page.lines):
            yield "", "one item alone is longer than a page", "shorten the text above the list"
    seen: dict[str, str] = {}
    for option, template in zip(screen.options, words.options, strict=True):
        plain = _NO_SIGN.sub("", template.text.casefold())
        if plain in seen:
            message = f"reads like option `{seen[plain]}`: {template.text!r}"
            yield f".options.{option.value}", message, "say what makes them different"
        seen[plain] = option.value
    for reason in _reasons(screen):
        if not _fits(graph, language, screen, f"reason.{reason}", whole=False):
            message = f"the reason `{reason}` does not fit above its options"
            yield "", message, "shorten the screen or the reason"
    is_question = screen.kind is Kind.CHOICE and not screen.ends
    if is_question and not _fits(graph, language, screen, f"reason.{NO_CHOICE_SHORT}", whole=True):
        yield "", f"the reason `{NO_CHOICE_SHORT}` does not fit above it", "shorten the screen or the reason"


def _reasons(screen: Screen) -> tuple[str, ...]:
    if screen.ends:
        return ()
    if screen.kind is Kind.PIN:
        return _CHECK_REASONS if screen.purpose == "check" else _SET_REASONS
    if screen.input_rule is not None:
        return screen.input_rule.reasons
    return (NO_CHOICE,)


def _fits(graph: Graph, language: Language, screen: Screen, remark: str, *, whole: bool) -> bool:
    """Whether a remark fits above every page: above all of it, or (not `whole`) above all but its head."""
    tongues = graph.tongues(screen, language.code)
    said = in_each(tongue.remarks[remark].fill_longest() for tongue in tongues)
    room = SCREEN_SEPTETS - septets(said)
    for page in longest_pages(language, screen):
        kept = page.text if whole else "\n".join(part for part in (*page.lines, page.navigation) if part)
        if septets(kept) + bool(kept) > room:
            return False
    return True


def _remark_findings(graph: Graph, languages: Mapping[str, Texts]) -> Iterator[Finding]:
    """A remark made on the way must fit above whatever screen it can land on."""
    for screen in graph.screens.values():
        for branch in screen.branches.values():
            if not branch.say:
                continue
            for target in sorted(landings(graph, branch.to)):
                for code, language in graph.languages.items():
                    whole = graph.screens[target].kind is not Kind.CHOICE
                    remark = f"say.{branch.say}"
                    if not _fits(graph, language, graph.screens[target], remark, whole=whole):
                        message = f"does not fit above `{target}`"
                        yield languages[code].finding(f"say.{branch.say}", message, "shorten either")


def _link_findings(graph: Graph, languages: Mapping[str, Texts]) -> Iterator[Finding]:
    """Why a dialled alias leads nowhere is said above where the call begins, and its options must stay."""
    parts = [part for link in graph.links for part in link.path if not isinstance(part, str)]
    remarks = {f"say.{say}" for say in LINK_SAYS if graph.links}
    remarks.update(f"reason.{reason}" for rule in parts for reason in rule.reasons)
    for target in sorted(landings(graph, graph.start)):
        screen = graph.screens[target]
        for code, language in graph.languages.items() if not screen.ends else ():
            for remark in sorted(remarks):
                if not _fits(graph, language, screen, remark, whole=False):
                    key = remark.replace("reason.", "reasons.")
                    yield languages[code].finding(key, f"does not fit above `{target}`", "shorten either")


def landings(graph: Graph, target: str) -> set[str]:
    """The screens that are shown when a definition leads to `target`."""
    found: set[str] = set()
    waiting = [target]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in graph.screens:
            continue
        seen.add(name)
        screen = graph.screens[name]
        if screen.shown:
            found.add(name)
            # A PIN that was right once in this session is not asked again.
            waiting += [screen.to] if screen.purpose == "check" else []
        else:
            waiting += [branch.to for branch in screen.branches.values()]
    return found
