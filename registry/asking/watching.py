"""Having people watched: a worker subscribes to one person's events at the registry."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Sessions
from core.errors import KibabaError
from core.ids import new_id
from core.outbox import Later, Task
from registry import codes
from registry.asking.questions import note_asked, note_correlation
from registry.asking.watches import (
    EVENTS,
    LIVE,
    REASON_CHARACTERS_MAX,
    REFUSED,
    TOPIC,
    WAITING,
    find_watch,
)
from registry.client import DciClient
from registry.model import Acknowledged, Identifier, Subscription
from registry.outcomes import Refused, Unavailable, Unclear
from registry.tables import DciWatchRow

_PAUSE_SECONDS_MAX = 900.0
# An answer may have been lost on its way to us; who watches already says so when asked again.
_ASK_AGAIN_SECONDS = 6 * 3600.0
_ANSWERED_WITHIN = timedelta(days=1)


class NeverSettled(KibabaError):  # noqa: N818 -- it names what happened to the wish
    """A registry took a subscription and never said what became of it."""

    code = "watch_never_settled"


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
        """Subscribe to the events of one person; asked again until the registry has answered, by a call.

        Raises NeverSettled when it took the wish and has not answered within a day.
        """
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
                return self._taken(task)
            case Unclear(reason=codes.ALREADY_SUBSCRIBED):
                self._settle(subject, LIVE)
                return None
            case Unclear(reason) if codes.code_named(reason).seen_before:
                return self._taken(task)
            case Refused(permanent=True):
                self._settle(subject, REFUSED, outcome.code)
                return None
        pause = outcome.retry_seconds or min(_PAUSE_SECONDS_MAX, 2.0 ** min(task.attempt, 10))
        return Later(pause, "the registry did not take the subscription")

    def _taken(self, task: Task) -> Later:
        if self._clock.now() - task.created_at > _ANSWERED_WITHIN:
            raise NeverSettled
        return Later(_ASK_AGAIN_SECONDS, "taken, and not answered yet")

    def _settle(self, subject: str, state: str, reason: str = "") -> None:
        with self._sessions.begin() as session:
            for event in EVENTS:
                row = find_watch(session, self._client.connection.name, subject, event)
                if row is not None and row.state == WAITING:
                    row.state, row.reason = state, reason[:REASON_CHARACTERS_MAX]
                    row.settled_at = self._clock.now()


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
