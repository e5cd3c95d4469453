"""Why somebody did what they did: asked for wherever money or a person is decided about."""

from typing import Final

REASON_CHARACTERS_MIN: Final = 10
# As long as the columns that keep it.
REASON_CHARACTERS_MAX: Final = 400


def on_one_line(typed: str) -> str:
    """What somebody typed, with one space for whatever ends a line or shows as nothing.

    A database keeps no NUL; nothing else that was typed is lost with it.
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in typed).split())


def is_reason(text: str) -> bool:
    """Whether it says anything."""
    return len(text.strip()) >= REASON_CHARACTERS_MIN
