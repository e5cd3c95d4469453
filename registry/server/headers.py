"""Request headers and time stamps, read strictly, each fault with the standard's own code."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from registry import codes
from registry.server.model import MessageRefused, Rejected

VERSION = "1.0.0"
BATCH_MAX = 1000
_LOCALE = re.compile("[a-z]{3}")
ID_MAX = 99
# Older than this a message is refused, so that what was remembered of it may be forgotten some day.
MESSAGE_AGE_MAX = timedelta(minutes=15)
MESSAGE_AHEAD_MAX = timedelta(minutes=1)


def message_id_of(header: Mapping[str, Any]) -> str:
    """What the message is remembered by."""
    message_id = header.get("message_id")
    if not is_id(message_id):
        raise MessageRefused(codes.BAD_REQUEST, "header.message_id is a text of 1 to 99 characters")
    return str(message_id)


def check_header(header: Mapping[str, Any], action: str, now: datetime) -> None:
    """Raises Rejected with one of the `rjct.` header reasons."""
    if header.get("version", VERSION) != VERSION:
        raise Rejected("rjct.version.invalid", f"version {VERSION} is spoken here")
    given = header.get("action")
    if not isinstance(given, str):
        raise Rejected("rjct.action.invalid", "action is a text")
    if given != action:
        raise Rejected("rjct.action.not_supported", f"the action here is {action}")
    at = zoned(header.get("message_ts"))
    if at is None or not -MESSAGE_AHEAD_MAX <= now - at <= MESSAGE_AGE_MAX:
        raise Rejected("rjct.message_ts.invalid", "message_ts is a recent instant with its time zone")
    count = header.get("total_count", 0 if action.startswith(("on-", "txn-on")) else None)
    if type(count) is not int or count < 0:
        raise Rejected("rjct.total_count.invalid", "total_count is a whole number")
    if count > BATCH_MAX:
        raise Rejected("rjct.total_count.limit_exceeded", f"at most {BATCH_MAX} items are taken at once")


def zoned(value: Any) -> datetime | None:
    """A text with a time zone as an instant in UTC; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
        # In UTC at once: the last hours of year 9999 west of Greenwich are of year 10000, which the database
        # would keep and nobody could read back.
        return read.astimezone(UTC) if read.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def is_id(value: Any) -> bool:
    """A text of 1 to 99 characters that a database can hold: no NUL, no half of a surrogate pair."""
    return isinstance(value, str) and 0 < len(value) <= ID_MAX and value.isprintable()


def id_or_empty(value: Any) -> str:
    """An identifier as it is kept and told back; empty for what is none."""
    return str(value) if is_id(value) else ""


def is_locale(value: Any) -> bool:
    """Three lower-case letters, as the standard's pattern has it and its example has not."""
    return isinstance(value, str) and _LOCALE.fullmatch(value) is not None
