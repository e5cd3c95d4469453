"""Having people watched: a worker subscribes to one person's events at the registry."""

import uuid
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Sessions
from core.ids import new_id
from core.outbox import Later, Task
from registry.asking.questions import note_asked, note_correlation
from registry.asking.watches import EVENTS, REASON_CHARACTERS_MAX, REFUSED, TOPIC, WAITING, find_watch
from registry.client import DciClient
from registry.model import Acknowledged, Identifier, Subscription
from registry.outcomes import Refused, Unavailable, Unclear
from registry.tables import DciWatchRow

_PAUSE_SECONDS_MAX = 900.0


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


def _refuse(session: Session, connection: str, subject: str, code: str, now: datetime) -> None:
    for event in EVENTS:
        row = find_watch(session, connection, subject, event)
        if row is not None and row.state == WAITING:
            row.state, row.reason, row.settled_at = REFUSED, code[:REASON_CHARACTERS_MAX], now
