"""Texts cut once into literals and placeholders, so that a hop only joins strings."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from menus.engine.gsm7 import septets, transliterated
from menus.engine.vocabulary import Value, View

# Keeps an amount or a name together while lines are broken; no GSM-7 text can contain it, and it becomes
# a plain space before a screen leaves the renderer.
GLUE = "\u00a0"

# `{name}`, or `{name|day|days}`: the first form where the number is 1, the second for any other.
_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?:\|([^{}|\s][^{}|]*)\|([^{}|\s][^{}|]*))?\}")
_ONE = "1"
_LITERAL_AMOUNT = re.compile(r"\bKES (?=\d)")
_BRACES = re.compile(r"[{}]")


@dataclass(frozen=True, slots=True)
class Template:
    """One text of one language. `septets_max` is its length with the longest possible values."""

    text: str
    pieces: tuple[str | Value, ...]
    values: tuple[Value, ...]
    septets_max: int

    @property
    def is_plain(self) -> bool:
        return not self.values

    def fill(self, view: View) -> str:
        """The text with its placeholders filled, amounts and names held together by GLUE."""
        if not self.values:
            return self.text
        return "".join([piece if isinstance(piece, str) else made(piece, view) for piece in self.pieces])

    def fill_longest(self) -> str:
        """The text as long as it can become."""
        return "".join(
            piece if isinstance(piece, str) else piece.longest.replace(" ", GLUE) for piece in self.pieces
        )


def placeholders(text: str) -> tuple[str, ...]:
    """Names of the placeholders in `text`, in order, repeated as they are."""
    return tuple(found[1] for found in _PLACEHOLDER.finditer(text))


def counted(text: str) -> tuple[str, ...]:
    """Names of the placeholders that choose between two forms."""
    return tuple(found[1] for found in _PLACEHOLDER.finditer(text) if found[2])


def stray_braces(text: str) -> bool:
    """Whether `text` has a brace that is no placeholder: surely a slip of the pen."""
    return bool(_BRACES.search(_PLACEHOLDER.sub("", text)))


def cut(text: str, value_of: Callable[[str], Value]) -> Template:
    """Compile `text`. Raises KeyError with the name of a placeholder that `value_of` does not know."""
    glued = _LITERAL_AMOUNT.sub("KES" + GLUE, text)
    pieces: list[str | Value] = []
    end = 0
    for found in _PLACEHOLDER.finditer(glued):
        pieces += [glued[end : found.start()]] if found.start() > end else []
        name, one, other = found.groups()
        pieces.append(_form_by(value_of(name), one, other) if one else value_of(name))
        end = found.end()
    pieces += [glued[end:]] if glued[end:] else []
    values = tuple(piece for piece in pieces if isinstance(piece, Value))
    length = sum(septets(piece if isinstance(piece, str) else piece.longest) for piece in pieces)
    return Template(glued, tuple(pieces), values, length)


def _form_by(number: Value, one: str, other: str) -> Value:
    """What fills a placeholder of two forms; it needs what its number needs."""

    def form(view: View) -> str:
        return one if number.make(view) == _ONE else other

    return replace(number, make=form, longest=max(one, other, key=septets), shortens=False)


def made(value: Value, view: View) -> str:
    """A value as it is shown: GSM-7 only, on one line, held together; a name no longer than declared."""
    text = one_line(value.make(view))
    if value.shortens and len(text) > len(value.longest):
        text = shortened(text, septets(value.longest))
    return text.replace(" ", GLUE)


def one_line(text: str) -> str:
    """Text from outside as a screen can carry it: GSM-7 only, no line breaks or other control characters."""
    if text.isascii() and text.isprintable() and "`" not in text:
        return text
    return " ".join(transliterated(text).split())


def shortened(name: str, septets_max: int) -> str:
    """A long name made to fit: middle names become initials, then are dropped, then the last name becomes
    one; a single word that is still too long ends in a full stop. No name is cut without a sign of it.
    """
    if septets(name) <= septets_max:
        return name
    words = name.split()
    for position in range(len(words) - 2, 0, -1):
        words[position] = words[position][0] + "."
        if septets(" ".join(words)) <= septets_max:
            return " ".join(words)
    while words[2:]:
        del words[-2]
        if septets(" ".join(words)) <= septets_max:
            return " ".join(words)
    if words[1:] and septets(f"{words[0]} {words[1][0]}.") <= septets_max:
        return f"{words[0]} {words[1][0]}."
    word = words[0] if words else ""
    while word and septets(word) > septets_max - 1:
        word = word[:-1]
    return word + "."
