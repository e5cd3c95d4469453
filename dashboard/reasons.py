"""Why somebody did what they did, as they typed it: required wherever money or a person is decided about."""

from flask import request

REASON_CHARACTERS_MIN = 10
REASON_CHARACTERS_MAX = 400


def typed_reason() -> str:
    """The reason of the posted form, on one line and no longer than is kept; may be too short."""
    return " ".join(request.form.get("reason", "").split())[:REASON_CHARACTERS_MAX]


def is_reason(text: str) -> bool:
    """Whether it says anything."""
    return len(text) >= REASON_CHARACTERS_MIN
