"""Forgetting what has served its time: finished tasks, and what hops did long after their sessions."""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete

from core import outbox
from core.clock import Clock
from core.database import Sessions
from core.outbox import Task
from ussd_app.gateway.tables import HopResult

TASKS_KEPT: Final = timedelta(days=30)
# A session lasts minutes; a gateway that posts again does so within the hour.
HOPS_KEPT: Final = timedelta(days=2)


class Tidying:
    """Handles `tidy` tasks. Everything deleted is kept by the room it was about, or is of no use any more."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def run(self, task: Task) -> None:
        """Delete in one go; running it again is harmless."""
        del task
        now = self._clock.now()
        with self._sessions.begin() as session:
            outbox.forget_done(session, before=now - TASKS_KEPT)
            session.execute(delete(HopResult).where(HopResult.at < now - HOPS_KEPT))
