"""A task is worked by one worker, kept when it fails, and given up only where staff can see it."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import outbox
from core.database import Sessions
from core.errors import InvalidValue, KibabaError
from core.outbox import GivenUp, Handler, Later, OutboxRow, Task
from workers.handling import TaskRunner
from workers.topics import TopicPlan

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class StoppedClock:
    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> datetime:
        return self.instant


def make(
    sessions: Sessions,
    handler: Handler,
    clock: StoppedClock,
    attempts_max: int = 3,
    given_up: GivenUp | None = None,
) -> tuple[TaskRunner, uuid.UUID]:
    plan = TopicPlan("money", lease_seconds=30, backoff_seconds=(2, 5), attempts_max=attempts_max)
    with sessions.begin() as session:
        outbox.add(session, "evidence", "e1", {"evidence_id": "e1"}, now=NOW)
        task_id = session.scalars(select(OutboxRow.id)).one()
    hearing = {"evidence": given_up} if given_up else {}
    return TaskRunner(sessions, clock, {"evidence": handler}, {"evidence": plan}, given_up=hearing), task_id


def row(sessions: Sessions) -> OutboxRow:
    with sessions.begin() as session:
        return session.scalars(select(OutboxRow)).one()


def test_work_that_is_done_is_done_once(sessions: Sessions) -> None:
    seen: list[Task] = []

    def handler(task: Task) -> None:
        seen.append(task)

    runner, task_id = make(sessions, handler, StoppedClock())
    runner.run(task_id, "evidence")
    runner.run(task_id, "evidence")
    assert [task.payload for task in seen] == [{"evidence_id": "e1"}]
    assert row(sessions).state == "done"


def test_a_handler_that_waits_is_asked_again_at_its_time(sessions: Sessions) -> None:
    clock = StoppedClock()
    answers: list[Later | None] = [Later(60, "registry down"), None]
    runner, task_id = make(sessions, lambda _: answers.pop(0), clock)
    runner.run(task_id, "evidence")
    waiting = row(sessions)
    assert (waiting.state, waiting.last_error, waiting.due_at) == (
        "pending",
        "registry down",
        NOW + timedelta(seconds=60),
    )
    clock.instant = waiting.due_at
    runner.run(task_id, "evidence")
    assert row(sessions).state == "done"


def test_a_handler_that_fails_is_tried_again_with_longer_pauses_then_kept_for_staff(
    sessions: Sessions,
) -> None:
    clock = StoppedClock()

    def handler(_: Task) -> None:
        raise ConnectionError("the secret 1234 must not be kept")

    runner, task_id = make(sessions, handler, clock)
    pauses = []
    for _ in range(2):
        runner.run(task_id, "evidence")
        pauses.append((row(sessions).due_at - clock.instant).total_seconds())
        clock.instant = row(sessions).due_at
    runner.run(task_id, "evidence")
    assert pauses == [2, 5]
    assert row(sessions).state == "dead"
    assert row(sessions).last_error == "ConnectionError"


@pytest.mark.parametrize(("error", "tries"), [(ConnectionError(), 3), (InvalidValue("no such wallet"), 1)])
def test_whose_task_was_given_up_hears_of_it_when_that_is_kept(
    sessions: Sessions, error: Exception, tries: int
) -> None:
    clock = StoppedClock()
    heard: list[Task] = []

    def handler(_: Task) -> None:
        raise error

    def given_up(session: Session, task: Task) -> None:
        assert session.get_one(OutboxRow, task.id).state == "dead"
        heard.append(task)

    runner, task_id = make(sessions, handler, clock, given_up=given_up)
    for number in range(1, tries + 1):
        runner.run(task_id, "evidence")
        assert (len(heard), row(sessions).state) == ((1, "dead") if number == tries else (0, "pending"))
        clock.instant = row(sessions).due_at


def test_waiting_however_long_is_not_failing(sessions: Sessions) -> None:
    clock = StoppedClock()
    answers: list[Later | None] = [Later(1, "registry down")] * 10

    def handler(_: Task) -> Later | None:
        if answers:
            return answers.pop()
        raise ConnectionError

    runner, task_id = make(sessions, handler, clock, attempts_max=3)
    for _ in range(12):
        runner.run(task_id, "evidence")
        clock.instant = row(sessions).due_at
    assert (row(sessions).state, row(sessions).failures) == ("pending", 2)


def test_work_that_can_never_be_done_is_given_up_at_once(sessions: Sessions) -> None:
    def handler(_: Task) -> None:
        raise InvalidValue("there is no such template")

    runner, task_id = make(sessions, handler, StoppedClock())
    runner.run(task_id, "evidence")
    assert (row(sessions).state, row(sessions).attempts) == ("dead", 1)


@pytest.mark.parametrize("permanent", [True, False])
def test_words_that_the_database_refuses_keep_no_task_from_its_end(
    sessions: Sessions, permanent: bool
) -> None:
    class OutsidersWordsError(KibabaError):
        code = "their\x00own"

    OutsidersWordsError.permanent = permanent

    def handler(_: Task) -> None:
        raise OutsidersWordsError

    runner, task_id = make(sessions, handler, StoppedClock())
    runner.run(task_id, "evidence")
    assert (row(sessions).state, row(sessions).attempts) == ("dead" if permanent else "pending", 1)
    assert "theirown" in (row(sessions).last_error or "")


def test_a_worker_that_dies_holds_its_task_no_longer_than_the_lease(sessions: Sessions) -> None:
    clock = StoppedClock()

    def handler(_: Task) -> None:
        raise SystemExit

    runner, task_id = make(sessions, handler, clock)
    with pytest.raises(SystemExit):
        runner.run(task_id, "evidence")
    with sessions.begin() as session:
        assert outbox.claim(session, task_id, now=clock.instant, lease_seconds=30) is None
    clock.instant = NOW + timedelta(seconds=31)
    with sessions.begin() as session:
        assert outbox.hand_out(session, now=clock.instant, seconds=20, limit=10) == [(task_id, "evidence")]
        assert outbox.claim(session, task_id, now=clock.instant, lease_seconds=30) is not None
