"""Answers to status and enrolment questions, in any of the shapes met, read into values."""

from collections.abc import Mapping
from typing import Any

from registry.model import Enrolled, TxnStatus
from registry.outcomes import Unavailable

_YES = frozenset({"yes", "active", "enrolled", "true"})
_NO = frozenset({"no", "inactive", "not_enrolled", "false"})
_LISTS = ("search_response", "subscribe_response", "unsubscribe_response", "subscriptions")


def read_status(message: Mapping[str, Any]) -> TxnStatus | Unavailable:
    """What became of a message. Without an own status it is that of its items: the least finished."""
    answer = message.get("txnstatus_response")
    if not isinstance(answer, dict):
        return Unavailable("answer_unreadable")
    found = answer.get("txn_status", answer)
    if isinstance(found, str):
        return TxnStatus(found.strip().lower(), [])
    items = found if isinstance(found, list) else []
    if isinstance(found, dict):
        items = next((found[name] for name in _LISTS if isinstance(found.get(name), list)), [])
    items = [item for item in items if isinstance(item, dict)]
    states = [str(item.get("status", "")).strip().lower() for item in items]
    worst = next(
        (state for state in ("rcvd", "pdng", "rjct") if state in states), "succ" if states else "rcvd"
    )
    return TxnStatus(worst, items)


def read_enrolled(message: Mapping[str, Any]) -> Enrolled | Unavailable:
    """Whether somebody is enrolled: `yes`, `no`, `Active`, as text or as truth value."""
    listed = message.get("enrolled_response", message.get("enrollment_response"))
    first = listed[0] if isinstance(listed, list) and listed else listed
    if not isinstance(first, dict):
        return Unavailable("answer_unreadable")
    word = str(first.get("enrolled_status", "")).strip().lower()
    return Enrolled(True if word in _YES else False if word in _NO else None)
