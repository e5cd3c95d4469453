"""How many septets a text takes in the GSM 7-bit default alphabet (3GPP TS 23.038, section 6.2.1)."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Reached through the escape character, hence two septets each.
EXTENSION: Final = frozenset("\f^{}\\[~]|€")

_EXTENSION: Final = re.compile(r"[\^{}\\\[~\]|€\f]")

# What people paste from a word processor, and letters of our languages that the alphabet lacks.
REPLACEMENTS: Final[dict[str, str]] = {
    "\u2018": "'",
    "\u2019": "'",
    "\u201a": "'",
    "\u201b": "'",
    "\u2032": "'",
    "`": "'",
    "\u00b4": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u201e": '"',
    "\u00ab": '"',
    "\u00bb": '"',
    "\u2010": "-",
    "\u2011": "-",
    "\u2012": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u2212": "-",
    "\u2026": "...",
    "\u2022": "-",
    "\u00a0": " ",
    "\u2007": " ",
    "\u2009": " ",
    "\u202f": " ",
    "\t": " ",
    "\u200b": "",
    "\ufeff": "",
    "\u0129": "i",
    "\u0128": "I",
    "\u0169": "u",
    "\u0168": "U",
    "\u014b": "ng'",
    "\u014a": "Ng'",
    "\u00e7": "c",
    "\u1eb9": "e",
    "\u1eb8": "E",
    "\u1ecd": "o",
    "\u1ecc": "O",
}


def septets(text: str) -> int:
    """Septets that `text` takes on a screen. Characters outside the alphabet count as one; see `foreign`."""
    return len(text) + len(_EXTENSION.findall(text))


def foreign(text: str) -> dict[str, str]:
    """Characters that would switch the whole screen to UCS-2, each with its replacement (`?` if none)."""
    return {
        character: REPLACEMENTS.get(character, _plain(character))
        for character in text
        if character not in BASIC and character not in EXTENSION
    }


def transliterated(text: str) -> str:
    """`text` with every foreign character replaced, for values that come from outside (names)."""
    strange = foreign(text)
    return "".join(strange.get(character, character) for character in text) if strange else text


def _plain(character: str) -> str:
    base = unicodedata.normalize("NFKD", character)
    kept = "".join(part for part in base if part in BASIC or part in EXTENSION)
    return kept or "?"
