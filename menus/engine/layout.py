"""Cuts a screen into pages that fit the budget, never through a word, an amount, a name or an option."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from menus.engine.gsm7 import septets
from menus.engine.template import shortened
from menus.engine.values import value

OPTIONS_MAX: Final = 5
_SENTENCE: Final = re.compile(r"[.:;?!](?=[ \n])")
_WELL_FILLED: Final = 0.75


class Entry(NamedTuple):
    """One line below the head: what it stands for when chosen ("" if it cannot be), and its label."""

    value: str
    label: str


class Page(NamedTuple):
    """One page: head or piece of long text, lines as numbered, the navigation line ("" if none), what the
    numbers stand for, whether there is More, and all of it as one text.
    """

    head: str
    lines: tuple[str, ...]
    navigation: str
    values: tuple[str, ...]
    more: bool
    text: str


@value
class Frame:
    """What is the same for all pages of a screen: the budget in septets, the room kept for a reason, the
    navigation lines of the language, and whether Back and Home apply on the first page.
    """

    budget: int
    reason_room: int
    navigation: tuple[str, ...]
    back: bool
    home: bool

    def line(self, page: int, *, more: bool) -> str:
        return self.navigation[4 * more + 2 * (self.back or page > 0) + self.home]


def pages_of(head: str, entries: list[Entry], frame: Frame, *, long: bool) -> list[Page]:
    """All pages of a screen, at least one. With `long` the head is a text that may be cut between words;
    otherwise it stands on every page and the entries are distributed.
    """
    only = _page(head, entries, frame.line(0, more=False), more=False)
    length = septets(only.text)
    if entries:
        length += max(0, frame.reason_room - septets(head))
    if length <= frame.budget and len(only.values) <= OPTIONS_MAX:
        return [only]
    roomy = entries and not long and septets(head) <= frame.budget // 2
    return _list_pages(head, entries, frame, []) if roomy else _text_pages(head, entries, frame)


def _list_pages(head: str, entries: list[Entry], frame: Frame, pages: list[Page]) -> list[Page]:
    rest = entries
    head_room = max(septets(head), frame.reason_room)
    while rest:
        last = frame.line(len(pages), more=False)
        fit = _how_many(rest, frame.budget - head_room - _cost(last))
        if fit == len(rest):
            pages.append(_page(head, rest, last, more=False))
            break
        more = frame.line(len(pages), more=True)
        room = frame.budget - head_room - _cost(more)
        fit = _how_many(rest, room)
        taken = rest[:fit]
        if not taken:
            fit = 1
            taken = [Entry(rest[0].value, shortened(rest[0].label, room - 3))]
        rest = rest[fit:]
        pages.append(_page(head, taken, more if rest else last, more=bool(rest)))
    return pages


def _text_pages(text: str, entries: list[Entry], frame: Frame) -> list[Page]:
    pages: list[Page] = []
    rest = text
    reason = frame.reason_room + 1
    while True:
        last = frame.line(len(pages), more=False)
        final = _page(rest, entries, last, more=False)
        if septets(rest) + _below(final) + reason <= frame.budget and _numbered(entries) <= OPTIONS_MAX:
            return [*pages, final]
        more = frame.line(len(pages), more=True)
        piece, rest = _split(rest, frame.budget - _cost(more) - reason)
        if piece and not rest and entries:
            # Options do not stand alone on the last page: some of the text goes with them, never half a word.
            fewer, moved = _split(piece, septets(piece) * 2 // 3)
            if piece[len(fewer) : len(fewer) + 1].isspace():
                piece, rest = fewer, moved
        if not piece:
            return _list_pages("", entries, frame, pages)
        if not rest and not entries:
            return [*pages, _page(piece, [], last, more=False)]
        pages.append(_page(piece, [], more, more=True))


def _split(text: str, room: int) -> tuple[str, str]:
    """As much of the beginning of `text` as fits, and the rest. Cut between words; after a sentence if that
    leaves little of the page empty.
    """
    if septets(text) <= room:
        return text, ""
    position = _reach(text, room)
    word = max(text.rfind(" ", 1, position + 1), text.rfind("\n", 1, position + 1))
    sentence = max((end.end() for end in _SENTENCE.finditer(text, 0, position + 1)), default=0)
    # Only a single word longer than a page is ever cut; the lint refuses such texts.
    end = sentence if sentence > room * _WELL_FILLED else word if word > 0 else max(position, 1)
    return text[:end].rstrip(" \n"), text[end:].lstrip(" \n")


def _reach(text: str, room: int) -> int:
    """How many characters from the beginning fit into `room`; all of them do not."""
    position = max(room, 0)
    if septets(text[:position]) == position:
        return position
    return next(count for count in range(position) if septets(text[: count + 1]) > room)


def _page(head: str, entries: list[Entry], navigation: str, *, more: bool) -> Page:
    lines: list[str] = []
    values: list[str] = []
    for entry in entries:
        if entry.value:
            values.append(entry.value)
            lines.append(f"{len(values)} {entry.label}")
        else:
            lines.append(entry.label)
    text = "\n".join([part for part in (head, *lines, navigation) if part])
    return Page(head, tuple(lines), navigation, tuple(values), more, text)


def _below(page: Page) -> int:
    return sum(_cost(line) for line in page.lines) + _cost(page.navigation)


def _cost(line: str) -> int:
    return septets(line) + 1 if line else 0


def _numbered(entries: list[Entry]) -> int:
    return sum(1 for entry in entries if entry.value)


def _how_many(entries: list[Entry], room: int) -> int:
    numbered = 0
    for count, entry in enumerate(entries):
        numbered += bool(entry.value)
        room -= septets(entry.label) + (3 if entry.value else 1)
        if room < 0 or numbered > OPTIONS_MAX:
            return count
    return len(entries)
