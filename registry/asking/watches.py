"""Watches: a registry is asked to tell us of one person's death or change of name."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import outbox
from core.outbox import OutboxRow
from registry.codes import ALREADY_SUBSCRIBED, Status, code_named
from registry.tables import DciWatchRow

TOPIC = "watch"
EVENTS = ("death", "name_change")
WAITING, LIVE, REFUSED = "waiting", "live", "refused"
REASON_CHARACTERS_MAX = 200


def settle_watches(
    session: Session, connection: str, subject: str, message: Mapping[str, Any], now: datetime
) -> None:
    """Write down what the registry answered to each wish; after the last one nothing is asked again."""
    items = message.get("subscribe_response")
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, dict):
            continue
        event = str(item.get("reference_id", "")).rpartition(":")[2]
        row = find_watch(session, connection, subject, event) if event in EVENTS else None
        if row is None or row.state != WAITING:
            continue
        row.settled_at = now
        code, reason = _code(item), _kept(item.get("status_reason_code", ""))
        is_rejected = str(item.get("status", "")).lower() == Status.REJECTED and not code
        # Asked twice, because an answer was lost: it watches.
        if is_rejected and code_named(reason).code != ALREADY_SUBSCRIBED:
            row.state, row.reason = REFUSED, reason
        else:
            row.state, row.code = LIVE, code
    if not _is_any_waiting(session, connection, subject):
        _finish_task(session, subject, now)


def _code(item: Mapping[str, Any]) -> str:
    entries = item.get("subscriptions")
    first = entries[0] if isinstance(entries, list) and entries else entries
    return _kept(first.get("code", "")) if isinstance(first, dict) else ""


def _kept(value: Any) -> str:
    # Not held to the length of an identifier: a code that is cut short, or left out, could end nothing later.
    text = str(value)[:REASON_CHARACTERS_MAX]
    return text if text.isprintable() else ""


def _finish_task(session: Session, subject: str, now: datetime) -> None:
    task = select(OutboxRow.id).where(
        OutboxRow.topic == TOPIC, OutboxRow.key == subject, OutboxRow.state == "pending"
    )
    if (task_id := session.scalar(task)) is not None:
        outbox.finish(session, task_id, now=now)


def _is_any_waiting(session: Session, connection: str, subject: str) -> bool:
    waiting = select(DciWatchRow.event).where(
        DciWatchRow.connection == connection, DciWatchRow.subject == subject, DciWatchRow.state == WAITING
    )
    return session.scalar(waiting.limit(1)) is not None


def find_watch(session: Session, connection: str, subject: str, event: str) -> DciWatchRow | None:
    """The watch of one of our subjects for one event."""
    return session.scalar(
        select(DciWatchRow).where(
            DciWatchRow.connection == connection, DciWatchRow.subject == subject, DciWatchRow.event == event
        )
    )
