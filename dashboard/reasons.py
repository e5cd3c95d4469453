"""The reason that somebody typed."""

from flask import request

from core.reasons import REASON_CHARACTERS_MAX


def typed_reason() -> str:
    """The reason of the posted form, on one line and no longer than is kept; may be too short."""
    return " ".join(request.form.get("reason", "").split())[:REASON_CHARACTERS_MAX]
