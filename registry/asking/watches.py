"""Watches: a registry is asked to tell us of one person's death or change of name."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core import outbox
from core.clock import Clock
from core.database import Sessions
from core.ids import new_id
from core.outbox import Later, Task
from registry.asking.questions import note_asked, note_correlation
from registry.client import DciClient
from registry.model import Acknowledged, Identifier, Subscription
from registry.outcomes import Refused, Unavailable, Unclear
from registry.tables import DciWatchRow

TOPIC = "watch"
EVENTS = ("death", "name_change")
WAITING, LIVE, REFUSED = "waiting", "live", "refused"
_ANSWER_AFTER_SECONDS = 3600.0
_PAUSE_SECONDS_MAX = 900.0
_REASON_MAX = 200


def ask_to_watch(session: Session, subject: uuid.UUID, now: datetime) -> None:
    """Have a member watched, once. `subject`: our own id of them."""
    outbox.add(session, TOPIC, str(subject), {"subject": str(subject)}, now=now)


class PeopleWatching:
    """Handles topic `watch`. `identify` says under which identifier the registry knows our subject."""

    def __init__(
        self,
        sessions: Sessions,
        client: DciClient,
        identify: Callable[[Session, uuid.UUID], Identifier | None],
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._client = client
        self._identify = identify
        self._clock = clock

    def run(self, task: Task) -> Later | None:
        """Subscribe to the events of one person. Done when the registry took it: it answers by a call."""
        subject, now = str(task.payload["subject"]), self._clock.now()
        transaction_id = str(task.id)
        with self._sessions.begin() as session:
            identifier = self._identify(session, uuid.UUID(subject))
            waiting = _prepare(session, self._client.connection.name, subject, now)
            if identifier is None or not waiting:
                return None
            references = {f"{subject}:{event}": event for event in waiting}
            note_asked(
                session,
                transaction_id,
                connection=self._client.connection.name,
                action="subscribe",
                purpose=TOPIC,
                subject=subject,
                reference_ids=list(references),
                now=now,
            )
        wishes = [
            Subscription(reference_id, event, identifier, "CRVSPerson")
            for reference_id, event in references.items()
        ]
        outcome = self._client.subscribe(transaction_id, wishes)
        return self._after(task, transaction_id, subject, outcome)

    def _after(
        self,
        task: Task,
        transaction_id: str,
        subject: str,
        outcome: Acknowledged | Refused | Unavailable | Unclear,
    ) -> Later | None:
        match outcome:
            case Acknowledged(correlation_id):
                with self._sessions.begin() as session:
                    note_correlation(session, transaction_id, correlation_id)
                return None
            case Refused(permanent=True):
                with self._sessions.begin() as session:
                    _refuse(session, self._client.connection.name, subject, outcome.code, self._clock.now())
                return None
        pause = outcome.retry_seconds or min(_PAUSE_SECONDS_MAX, 2.0 ** min(task.attempt, 10))
        return Later(pause, "the registry did not take the subscription")


def finish_at_once(_task: Task) -> Later | None:
    """In place of watching, where the civil registry has no subscriptions."""
    return None


def settle_watches(
    session: Session, connection: str, subject: str, message: Mapping[str, Any], now: datetime
) -> None:
    """Write down what the registry answered to each wish."""
    items = message.get("subscribe_response")
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, dict):
            continue
        event = str(item.get("reference_id", "")).rpartition(":")[2]
        row = _find(session, connection, subject, event)
        if row is None or row.state != WAITING:
            continue
        row.settled_at = now
        code = _code(item)
        if str(item.get("status", "")).lower() == "rjct" and not code:
            row.state, row.reason = REFUSED, str(item.get("status_reason_code", ""))[:_REASON_MAX]
        else:
            row.state, row.code = LIVE, code


def _code(item: Mapping[str, Any]) -> str:
    entries = item.get("subscriptions")
    first = entries[0] if isinstance(entries, list) and entries else entries
    return str(first.get("code", ""))[:_REASON_MAX] if isinstance(first, dict) else ""


def _prepare(session: Session, connection: str, subject: str, now: datetime) -> list[str]:
    for event in EVENTS:
        session.execute(
            insert(DciWatchRow)
            .values(
                id=new_id(), connection=connection, event=event, subject=subject, state=WAITING, asked_at=now
            )
            .on_conflict_do_nothing()
        )
    rows = session.scalars(
        select(DciWatchRow).where(
            DciWatchRow.connection == connection,
            DciWatchRow.subject == subject,
            DciWatchRow.state == WAITING,
        )
    )
    return sorted(row.event for row in rows)


def _find(session: Session, connection: str, subject: str, event: str) -> DciWatchRow | None:
    return session.scalar(
        select(DciWatchRow).where(
            DciWatchRow.connection == connection, DciWatchRow.subject == subject, DciWatchRow.event == event
        )
    )


def _refuse(session: Session, connection: str, subject: str, code: str, now: datetime) -> None:
    for event in EVENTS:
        row = _find(session, connection, subject, event)
        if row is not None and row.state == WAITING:
            row.state, row.reason, row.settled_at = REFUSED, code[:_REASON_MAX], now
