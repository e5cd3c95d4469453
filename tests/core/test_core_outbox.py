"""The outbox: a task is remembered once, handed out in order, held by one worker, never lost."""

import threading
from datetime import UTC, datetime, timedelta

from core import outbox
from core.backlog import backlog
from core.database import Sessions

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def add(sessions: Sessions, key: str, **options: object) -> bool:
    with sessions.begin() as session:
        return outbox.add(session, "message", key, {"n": 1}, now=NOW, **options)  # type: ignore[arg-type]


def hand_out(sessions: Sessions, now: datetime = NOW, limit: int = 10) -> list[object]:
    with sessions.begin() as session:
        return [row_id for row_id, _ in outbox.hand_out(session, now=now, seconds=20, limit=limit)]


def test_the_same_task_is_remembered_once(sessions: Sessions) -> None:
    assert add(sessions, "a")
    assert not add(sessions, "a")
    assert len(hand_out(sessions)) == 1


def test_a_task_rolled_back_was_never_there(sessions: Sessions) -> None:
    with sessions() as session:
        outbox.add(session, "message", "a", {}, now=NOW)
        session.rollback()
    assert hand_out(sessions) == []


def test_a_task_handed_out_and_lost_comes_up_again(sessions: Sessions) -> None:
    add(sessions, "a")
    assert len(hand_out(sessions)) == 1
    assert hand_out(sessions) == []
    assert len(hand_out(sessions, NOW + timedelta(seconds=21))) == 1


def test_a_task_is_held_by_one_worker_until_its_lease_ends(sessions: Sessions) -> None:
    add(sessions, "a")
    (task_id,) = hand_out(sessions)
    with sessions.begin() as session:
        first = outbox.claim(session, task_id, now=NOW, lease_seconds=30)  # type: ignore[arg-type]
        assert first is not None
        assert first.attempt == 1
    with sessions.begin() as session:
        assert outbox.claim(session, task_id, now=NOW, lease_seconds=30) is None  # type: ignore[arg-type]
    late = NOW + timedelta(seconds=31)
    with sessions.begin() as session:
        again = outbox.claim(session, task_id, now=late, lease_seconds=30)  # type: ignore[arg-type]
        assert again is not None
        assert again.attempt == 2


def test_two_workers_at_once_and_one_gets_the_task(sessions: Sessions) -> None:
    add(sessions, "a")
    (task_id,) = hand_out(sessions)
    together = threading.Barrier(2)
    claimed: list[outbox.Task | None] = []

    def claim() -> None:
        together.wait()
        with sessions.begin() as session:
            claimed.append(outbox.claim(session, task_id, now=NOW, lease_seconds=30))  # type: ignore[arg-type]

    threads = [threading.Thread(target=claim) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(task is not None for task in claimed) == 1


def test_tasks_with_one_order_key_go_one_at_a_time(sessions: Sessions) -> None:
    for key in ("first", "second"):
        add(sessions, key, order_key="member:1")
    add(sessions, "other", order_key="member:2")
    (first, other) = hand_out(sessions)
    assert hand_out(sessions) == []
    with sessions.begin() as session:
        outbox.finish(session, first, now=NOW)  # type: ignore[arg-type]
        outbox.finish(session, other, now=NOW)  # type: ignore[arg-type]
    assert len(hand_out(sessions)) == 1


def test_a_postponed_task_keeps_its_reason_and_its_place_in_order(sessions: Sessions) -> None:
    for key in ("first", "second"):
        add(sessions, key, order_key="member:1")
    (first,) = hand_out(sessions)
    with sessions.begin() as session:
        outbox.claim(session, first, now=NOW, lease_seconds=30)  # type: ignore[arg-type]
        outbox.postpone(session, first, "registry down", due_at=NOW + timedelta(seconds=60))  # type: ignore[arg-type]
    assert hand_out(sessions, NOW + timedelta(seconds=30)) == []
    assert hand_out(sessions, NOW + timedelta(seconds=61)) == [first]


def test_work_waiting_and_work_given_up_are_counted(sessions: Sessions) -> None:
    add(sessions, "a")
    add(sessions, "b")
    tasks = hand_out(sessions)
    with sessions.begin() as session:
        outbox.bury(session, tasks[0], "no such number", now=NOW)  # type: ignore[arg-type]
    with sessions.begin() as session:
        (row,) = backlog(session, now=NOW)
    assert (row.topic, row.pending, row.dead) == ("message", 1, 1)


def test_what_waits_for_its_time_is_not_due(sessions: Sessions) -> None:
    add(sessions, "a", due_at=NOW + timedelta(days=1))
    with sessions.begin() as session:
        (row,) = backlog(session, now=NOW)
    assert row.due_since == NOW + timedelta(days=1)


def test_what_is_to_be_looked_at_again_hours_later_is_no_backlog(sessions: Sessions) -> None:
    add(sessions, "a")
    (task,) = hand_out(sessions)

    def after(seconds: float) -> tuple[int, int, bool]:
        with sessions.begin() as session:
            outbox.claim(session, task, now=NOW, lease_seconds=0)  # type: ignore[arg-type]
            outbox.postpone(session, task, "said", due_at=NOW + timedelta(seconds=seconds))  # type: ignore[arg-type]
        with sessions.begin() as session:
            (row,) = backlog(session, now=NOW)
        return row.pending, row.later, row.oldest_pending_at is None

    assert after(6 * 3600) == (0, 1, True)
    # What pauses because a registry is away still waits for it.
    assert after(300) == (1, 0, False)


def test_what_is_handed_out_or_worked_at_is_waiting(sessions: Sessions) -> None:
    add(sessions, "a")
    (task,) = hand_out(sessions)
    for _ in range(2):
        with sessions.begin() as session:
            (row,) = backlog(session, now=NOW)
            assert (row.pending, row.later) == (1, 0)
            outbox.claim(session, task, now=NOW, lease_seconds=3600)  # type: ignore[arg-type]


def test_what_stands_behind_one_that_waits_is_not_due(sessions: Sessions) -> None:
    add(sessions, "a", order_key="k", due_at=NOW + timedelta(days=1))
    add(sessions, "b", order_key="k", due_at=NOW)
    with sessions.begin() as session:
        (row,) = backlog(session, now=NOW)
    assert (row.pending, row.later, row.due_since) == (1, 1, NOW + timedelta(days=1))


def test_a_task_not_begun_can_be_brought_forward(sessions: Sessions) -> None:
    add(sessions, "a", due_at=NOW + timedelta(seconds=60))
    assert hand_out(sessions) == []
    with sessions.begin() as session:
        outbox.bring_forward(session, "message", "a", NOW)
    assert len(hand_out(sessions)) == 1


def test_what_is_put_back_has_all_its_tries_and_stands_where_it_belongs(sessions: Sessions) -> None:
    for key in ("given up", "waiting"):
        add(sessions, key, order_key="old")
    [task] = hand_out(sessions)
    with sessions.begin() as session:
        outbox.claim(session, task, now=NOW, lease_seconds=30)  # type: ignore[arg-type]
        outbox.postpone(session, task, "down", due_at=NOW, failed=True)  # type: ignore[arg-type]
        outbox.bury(session, task, "still down", now=NOW)  # type: ignore[arg-type]
    with sessions.begin() as session:
        assert outbox.put_back(session, "message", "given up", now=NOW, order_key="new")
        assert not outbox.put_back(session, "message", "waiting", now=NOW)
        assert not outbox.put_back(session, "message", "unknown", now=NOW)
    with sessions.begin() as session:
        row = session.get_one(outbox.OutboxRow, task)
        assert (row.state, row.attempts, row.failures, row.order_key) == ("pending", 0, 0, "new")
    assert len(hand_out(sessions, NOW)) == 2
