"""Turns a screen and a view into the text a caller reads; adds numbers and navigation, measures septets."""

from __future__ import annotations

from typing import NamedTuple

from menus.engine.graph import (
    ITEM,
    OFFERS_BACK,
    OFFERS_HOME,
    OFFERS_MORE,
    Kind,
    Language,
    Screen,
    Words,
)
from menus.engine.gsm7 import septets
from menus.engine.layout import Entry, Frame, Page, pages_of
from menus.engine.template import GLUE, one_line
from menus.engine.vocabulary import View


class Rendered(NamedTuple):
    """A page as sent, its index, and everything it offers in order, navigation last."""

    text: str
    page: int
    shown: tuple[str, ...]


def render(
    language: Language,
    screen: Screen,
    view: View,
    page: int,
    budget: int,
    *,
    back: bool,
    remark: str,
    shorter: str = "",
) -> Rendered:
    """The given page of a screen (the last one if there are fewer). `remark` is a line said above it, and
    `shorter` what is said instead above a question that must stay and leaves it no room.
    """
    words = language.screens[screen.name]
    if words.fixed and not remark:
        rendered = _fixed(language, screen, words, view, back=back)
        if septets(rendered.text) <= budget:
            return rendered
    frame = Frame(
        budget, language.reason_room, language.navigation, back=back, home=screen.home and not screen.ends
    )
    pages = pages_of(words.head.fill(view), entries_of(screen, words, view), frame, long=screen.long)
    index = min(page, len(pages) - 1)
    chosen = pages[index]
    text = with_remark(chosen, remark, budget, shorter=shorter) if remark else chosen.text
    offers = (
        *chosen.values,
        *((OFFERS_MORE,) if chosen.more else ()),
        *((OFFERS_BACK,) if back or index else ()),
        *((OFFERS_HOME,) if frame.home else ()),
    )
    return Rendered(text.replace(GLUE, " "), index, offers)


def _fixed(language: Language, screen: Screen, words: Words, view: View, *, back: bool) -> Rendered:
    home = screen.home and not screen.ends
    line = language.navigation[2 * back + home]
    text = words.whole.fill(view)
    offers = tuple([option.value for option in screen.options])
    if back:
        offers += (OFFERS_BACK,)
    if home:
        offers += (OFFERS_HOME,)
    return Rendered((f"{text}\n{line}" if line else text).replace(GLUE, " "), 0, offers)


def entries_of(screen: Screen, words: Words, view: View) -> list[Entry]:
    """The lines of a screen: the items of its list, then its fixed options."""
    entries: list[Entry] = []
    if screen.kind is Kind.LIST and screen.list_rule is not None:
        mark = ITEM if screen.to else ""
        for value, label in screen.list_rule.items(view):
            entries.append(Entry(mark and mark + value, words.item.replace("{item}", one_line(label))))
    if words.entries is not None:
        entries.extend(words.entries)
        return entries
    for option, template in zip(screen.options, words.options, strict=True):
        entries.append(Entry(option.value, template.fill(view)))
    return entries


def with_remark(page: Page, remark: str, budget: int, *, shorter: str) -> str:
    """A page with a remark above it. When both do not fit, the remark is said `shorter`, or the head gives
    way to it; options and navigation always stay, so that the caller keeps the place. (The lint proves that
    this fits on 160 septets; on a narrower network the page may have to do without the remark.)
    """
    headless = "\n".join([part for part in (remark, *page.lines, page.navigation) if part])
    for text in (f"{remark}\n{page.text}", f"{shorter}\n{page.text}" if shorter else headless):
        if septets(text) <= budget:
            return text
    return page.text
