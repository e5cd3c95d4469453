"""The job that lets money follow which came to a closed membership while it was made one with another."""

from sqlalchemy import exists, select

from core.clock import Clock
from core.database import Sessions
from core.outbox import Later, Task
from payments.contributions.tables import Contribution
from payments.merging.carrying_out import take_over
from payments.merging.model import PairAct
from payments.merging.tables import PairDecision
from payments.receipts.tables import Receipt
from payments.suspense.model import DecisionState


class MoneyFollowing:
    """Handles topic `merged_money`, by the schedule. What the registry is being told of follows next time."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def run(self, task: Task) -> Later | None:
        """Each merge in a transaction of its own."""
        del task
        left_behind = exists().where(
            Receipt.member_id == PairDecision.closed_id, Receipt.reversed_at.is_(None)
        ) | exists().where(Contribution.member_id == PairDecision.closed_id)
        with self._sessions() as session:
            merges = session.scalars(
                select(PairDecision.id).where(
                    PairDecision.act == PairAct.MERGE,
                    PairDecision.state == DecisionState.DONE,
                    left_behind,
                )
            ).all()
        for merge_id in merges:
            with self._sessions.begin() as session:
                merge = session.get_one(PairDecision, merge_id, with_for_update=True, populate_existing=True)
                if merge.state == DecisionState.DONE:
                    take_over(session, merge, now=self._clock.now())
        return None
