"""The reason that somebody typed."""

from flask import request

from core.reasons import REASON_CHARACTERS_MAX, on_one_line


def typed_reason(field: str = "reason") -> str:
    """The reason of the posted form, on one line and no longer than is kept; may be too short."""
    return on_one_line(request.form.get(field, ""))[:REASON_CHARACTERS_MAX]
