"""Keyset paging: a page begins after the last row of the one before, so that all cost the same."""

import base64
import binascii
import json
import uuid
from datetime import UTC, datetime

from core.errors import InvalidValue

_CURSOR_CHARACTERS_MAX = 300
# As large as a column of numbers holds.
_NUMBER_MAX = 2**63 - 1


def cursor(value: str | int, row_id: uuid.UUID) -> str:
    """The place after a row: its sort value and its id, safe in an address."""
    return base64.urlsafe_b64encode(json.dumps([value, str(row_id)]).encode()).decode().rstrip("=")


def read_cursor(text: str) -> tuple[str | int, uuid.UUID]:
    """What `cursor` made. Raises InvalidValue for anything else."""
    try:
        if len(text) > _CURSOR_CHARACTERS_MAX:
            raise InvalidValue("not a place in a list")
        value, row_id = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        is_text = type(value) is str and value.isprintable()
        if not is_text and not (type(value) is int and abs(value) <= _NUMBER_MAX):
            raise InvalidValue("not a place in a list")
        return value, uuid.UUID(row_id)
    except (binascii.Error, ValueError, TypeError, AttributeError) as error:
        raise InvalidValue("not a place in a list") from error


def instant_in(value: str | int) -> datetime:
    """The instant that a cursor has for its value, in UTC. Raises InvalidValue for what is none."""
    try:
        at = datetime.fromisoformat(str(value))
        if at.tzinfo is None:
            raise InvalidValue("not a place in a list")
        # Of the first year or the last it may be no instant in UTC.
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidValue("not a place in a list") from error
