"""Keyset paging: a page begins after the last row of the one before, so that all cost the same."""

import base64
import binascii
import json
import uuid

from core.errors import InvalidValue

_CURSOR_CHARACTERS_MAX = 300


def cursor(value: str | int, row_id: uuid.UUID) -> str:
    """The place after a row: its sort value and its id, safe in an address."""
    return base64.urlsafe_b64encode(json.dumps([value, str(row_id)]).encode()).decode().rstrip("=")


def read_cursor(text: str) -> tuple[str | int, uuid.UUID]:
    """What `cursor` made. Raises InvalidValue for anything else."""
    try:
        if len(text) > _CURSOR_CHARACTERS_MAX:
            raise InvalidValue("not a place in a list")
        value, row_id = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if type(value) not in {str, int}:
            raise InvalidValue("not a place in a list")
        return value, uuid.UUID(row_id)
    except (binascii.Error, ValueError, TypeError, AttributeError) as error:
        raise InvalidValue("not a place in a list") from error
