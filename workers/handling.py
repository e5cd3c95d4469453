"""Working one outbox task: claim it, call its handler, write down how it went."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta

from core import outbox
from core.clock import Clock
from core.database import Sessions
from core.errors import KibabaError
from core.logging import log
from core.outbox import BatchHandler, GivenUp, Handler, Task
from workers.topics import TopicPlan


class TaskRunner:
    """Works tasks by id. Safe to be called twice for the same id, at the same time or later."""

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        handlers: Mapping[str, Handler],
        topics: Mapping[str, TopicPlan],
        batches: Mapping[str, BatchHandler] | None = None,
        given_up: Mapping[str, GivenUp] | None = None,
    ) -> None:
        self._batches = batches or {}
        self._given_up = given_up or {}
        self._sessions = sessions
        self._clock = clock
        self._handlers = handlers
        self._topics = topics

    def run(self, task_id: uuid.UUID, topic: str) -> None:
        """Claim the task and work it; does nothing when it is finished or held by somebody else."""
        plan = self._topics[topic]
        with self._sessions.begin() as session:
            task = outbox.claim(session, task_id, now=self._clock.now(), lease_seconds=plan.lease_seconds)
        if task is not None:
            self._work(task, plan)

    def run_all(self, task_ids: Sequence[uuid.UUID], topic: str) -> None:
        """Work tasks together where the topic can, and one by one what was left."""
        together = self._batches.get(topic)
        if together is None or len(task_ids) == 1:
            for task_id in task_ids:
                self.run(task_id, topic)
            return
        plan = self._topics[topic]
        seconds = plan.batch_lease_seconds(len(task_ids))
        with self._sessions.begin() as session:
            tasks = outbox.claim_many(session, task_ids, now=self._clock.now(), lease_seconds=seconds)
        try:
            left = together(tasks) if tasks else ()
        except Exception as error:  # noqa: BLE001 -- whose fault it was shows when each is worked alone
            log.warning("batch failed", topic=topic, tasks=len(tasks), error=type(error).__name__)
            left = tasks
        alone = {task.id for task in left}
        with self._sessions.begin() as session:
            done = [task.id for task in tasks if task.id not in alone]
            outbox.finish_many(session, done, now=self._clock.now())
        for task in left:
            self._work(task, plan)

    def _work(self, task: Task, plan: TopicPlan) -> None:
        try:
            answer = self._handlers[task.topic](task)
        except Exception as error:  # noqa: BLE001 -- whatever a handler raises is kept with its task, never lost
            self._failed(task, plan, error)
            return
        now = self._clock.now()
        with self._sessions.begin() as session:
            if answer is None:
                outbox.finish(session, task.id, now=now)
            else:
                outbox.postpone(
                    session, task.id, answer.reason, due_at=now + timedelta(seconds=answer.seconds)
                )

    def _failed(self, task: Task, plan: TopicPlan, error: Exception) -> None:
        # The type and code only: an exception's text may carry what a caller or a provider sent.
        reason = f"{type(error).__name__} {getattr(error, 'code', '')}".strip()
        log.error("task failed", topic=task.topic, task=str(task.id), attempt=task.attempt, exc_info=error)
        now = self._clock.now()
        with self._sessions.begin() as session:
            if _is_hopeless(error) or task.failures + 1 >= plan.attempts_max:
                outbox.bury(session, task.id, reason, now=now)
                if (given_up := self._given_up.get(task.topic)) is not None:
                    given_up(session, task)
            else:
                due_at = now + timedelta(seconds=plan.pause_seconds(task.failures + 1))
                outbox.postpone(session, task.id, reason, due_at=due_at, failed=True)


def _is_hopeless(error: Exception) -> bool:
    return isinstance(error, KibabaError) and error.permanent
