"""Forgetting what has served its time: finished tasks, hops of long ago, people who never joined."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete

from core import outbox
from core.clock import Clock
from core.database import Sessions
from core.outbox import Task
from members.forgetting import forget_looked_up
from members.tables import NumberLookUpRow
from ussd_app.gateway.tables import HopResult

TASKS_KEPT: Final = timedelta(days=30)
# A session lasts minutes; a gateway that posts again does so within the hour.
HOPS_KEPT: Final = timedelta(days=2)
# The civil registry is asked for a day at most; who comes back later types their ID again.
LOOKED_UP_KEPT: Final = timedelta(hours=48)
_BATCH: Final = 500


class Tidying:
    """Handles `tidy` tasks. Everything deleted is kept by the room it was about, or is of no use any more."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def run(self, task: Task) -> None:
        """Delete; running it again is harmless."""
        del task
        now = self._clock.now()
        with self._sessions.begin() as session:
            outbox.forget_done(session, before=now - TASKS_KEPT)
            session.execute(delete(HopResult).where(HopResult.at < now - HOPS_KEPT))
            session.execute(delete(NumberLookUpRow).where(NumberLookUpRow.day < (now - HOPS_KEPT).date()))
        self._forget_looked_up(before=now - LOOKED_UP_KEPT)

    def _forget_looked_up(self, *, before: datetime) -> None:
        # A batch is a transaction of its own, so that no join waits long for one.
        forgotten = _BATCH
        while forgotten == _BATCH:
            with self._sessions.begin() as session:
                forgotten = forget_looked_up(session, before=before, limit=_BATCH)
