"""Why somebody did what they did: asked for wherever money or a person is decided about."""

from typing import Final

REASON_CHARACTERS_MIN: Final = 10
# As long as the columns that keep it.
REASON_CHARACTERS_MAX: Final = 400


def is_reason(text: str) -> bool:
    """Whether it says anything."""
    return len(text.strip()) >= REASON_CHARACTERS_MIN
