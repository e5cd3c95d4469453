"""The relay hands every due task to RQ, again when Redis loses it, and writes periodic work once."""

from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy import func, select

from core import outbox
from core.database import Sessions
from core.outbox import OutboxRow
from core.schedule import Every
from workers.relay import Relay
from workers.rq_queue import make_worker
from workers.topics import MESSAGES, MONEY, QUEUES, REGISTRY, TOPICS

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class SetClock:
    instant = NOW

    def now(self) -> datetime:
        return self.instant


def jobs(redis: Redis) -> list[tuple[str, Job]]:
    return [
        (name, job)
        for name in QUEUES
        for job in Queue(name, connection=redis, serializer=JSONSerializer).get_jobs()
    ]


def waiting(redis: Redis) -> list[tuple[str, list[str]]]:
    return [(name, list(job.args)) for name, job in jobs(redis)]


def relay_of(sessions: Sessions, redis: Redis) -> tuple[Relay, SetClock]:
    clock = SetClock()
    return Relay(sessions, redis, clock, []), clock


def add(sessions: Sessions, topic: str, key: str, order_key: str = "", **payload: str) -> None:
    with sessions.begin() as session:
        outbox.add(session, topic, key, payload, now=NOW, order_key=order_key)


def taken(redis: Redis, queue: str, count: int) -> list[str]:
    """The ids of the next jobs' tasks, taken from the queue as a worker does."""
    found = [
        Queue.dequeue_any(
            [Queue(queue, connection=redis, serializer=JSONSerializer)],
            timeout=None,
            connection=redis,
            serializer=JSONSerializer,
        )
        for _ in range(count)
    ]
    return [task_id for one in found if one is not None for task_id in one[0].args[0]]


def ids_of(sessions: Sessions, topic: str) -> list[str]:
    """In the order of being written."""
    with sessions.begin() as session:
        ids = select(OutboxRow.id).where(OutboxRow.topic == topic).order_by(OutboxRow.id)
        return [str(task_id) for task_id in session.scalars(ids)]


def test_each_topic_goes_to_its_own_queue_as_a_bare_id(sessions: Sessions, redis: Redis) -> None:
    for topic, plan in TOPICS.items():
        add(sessions, topic, "k", note="Mwanaisha")
        Relay(sessions, redis, SetClock(), []).turn()
        [(queue, job)] = jobs(redis)
        assert (queue, len(job.args), job.args[1]) == (plan.queue, 2, topic)
        assert job.timeout == plan.lease_seconds
        assert not job.kwargs
        assert not job.meta
        assert "Mwanaisha" not in f"{job.args}{job.description}"
        redis.flushdb()


def test_a_pile_waits_in_its_order_where_no_worker_has_time_and_holds_up_nothing_else(
    sessions: Sessions, redis: Redis
) -> None:
    relay, clock = relay_of(sessions, redis)
    for number in range(100):
        add(sessions, "message", f"sms {number}")
    clock.instant = NOW + timedelta(seconds=1)
    add(sessions, "prompt", "k")
    worked: list[str] = []
    while len(worked) < 100:
        for _ in range(5):
            relay.turn()
        assert len(waiting(redis)) < 30
        assert [args[1] for queue, args in waiting(redis) if queue == MONEY] == ["prompt"]
        worked += taken(redis, MESSAGES, 7)
    assert worked == ids_of(sessions, "message")


def test_of_one_order_only_the_first_is_handed_out_also_where_there_is_room(
    sessions: Sessions, redis: Redis
) -> None:
    relay, _ = relay_of(sessions, redis)
    for number in range(30):
        add(sessions, "post", f"{number}", order_key=f"post:{number % 3}")
    for _ in range(3):
        relay.turn()
    assert len(waiting(redis)) == 3


def test_a_full_queue_that_redis_lost_is_handed_out_again(sessions: Sessions, redis: Redis) -> None:
    relay, clock = relay_of(sessions, redis)
    for number in range(30):
        add(sessions, "message", f"{number}")
    while relay.turn():
        pass
    redis.flushdb()
    clock.instant = NOW + timedelta(seconds=21)
    worked: list[str] = []
    for _ in range(30):
        relay.turn()
        worked += taken(redis, MESSAGES, 1)
    assert sorted(worked) == ids_of(sessions, "message")


def test_a_queue_that_nobody_works_does_not_grow(sessions: Sessions, redis: Redis) -> None:
    relay, clock = relay_of(sessions, redis)
    for number in range(50):
        add(sessions, "message", f"{number}")
    for seconds in range(0, 200, 5):
        clock.instant = NOW + timedelta(seconds=seconds)
        relay.turn()
    assert redis.llen(f"rq:queue:{MESSAGES}") < 30


def test_what_is_worked_together_fills_its_jobs(sessions: Sessions, redis: Redis) -> None:
    relay, _ = relay_of(sessions, redis)
    with sessions.begin() as session:
        outbox.add_many(session, "evidence", {f"{number}": {} for number in range(450)}, now=NOW)
    while relay.turn():
        pass
    assert [len(args[0]) for _, args in waiting(redis)] == [200, 200, 50]


@pytest.mark.parametrize(
    ("worker", "later", "first"),
    [(MESSAGES, "reminder", "message"), (REGISTRY, "post", "identity")],
)
def test_what_somebody_waits_for_stands_before_what_can_wait(
    sessions: Sessions, redis: Redis, worker: str, later: str, first: str
) -> None:
    relay, _ = relay_of(sessions, redis)
    for topic in (later, first):
        add(sessions, topic, "k")
        relay.turn()
    queues = make_worker(redis, worker).queues
    for topic in (first, later):
        found = Queue.dequeue_any(queues, timeout=None, connection=redis, serializer=JSONSerializer)
        assert found is not None
        assert found[0].args[1] == topic


def test_a_task_that_redis_lost_is_handed_out_again(sessions: Sessions, redis: Redis) -> None:
    clock = SetClock()
    relay = Relay(sessions, redis, clock, [])
    with sessions.begin() as session:
        outbox.add(session, "message", "k", {}, now=NOW)
    relay.turn()
    assert len(waiting(redis)) == 1
    redis.flushdb()
    relay.turn()
    assert waiting(redis) == []
    clock.instant = NOW + timedelta(seconds=21)
    relay.turn()
    assert len(waiting(redis)) == 1


def test_a_task_of_another_release_waits_and_holds_up_nobody(sessions: Sessions, redis: Redis) -> None:
    with sessions.begin() as session:
        outbox.add(session, "of_the_next_release", "k", {}, now=NOW)
        outbox.add(session, "message", "k", {}, now=NOW)
    relay = Relay(sessions, redis, SetClock(), [])
    relay.turn()
    assert [args[1] for _, args in waiting(redis)] == ["message"]


def test_without_redis_nothing_is_hidden(sessions: Sessions) -> None:
    nowhere = Redis(host="127.0.0.1", port=9, socket_connect_timeout=0.2)
    with sessions.begin() as session:
        outbox.add(session, "message", "k", {}, now=NOW)
    with pytest.raises(RedisError):
        Relay(sessions, nowhere, SetClock(), []).turn()
    with sessions.begin() as session:
        assert len(outbox.hand_out(session, now=NOW, seconds=20, limit=10)) == 1


def test_periodic_work_is_written_once_per_period_however_many_relays_run(
    sessions: Sessions, redis: Redis
) -> None:
    clock = SetClock()
    hourly = [Every(3600, "pull", "pull:mpesa:174379", {"wallet": "mpesa", "shortcode": "174379"})]
    relays = [Relay(sessions, redis, clock, hourly) for _ in range(2)]
    for instant in (NOW, NOW + timedelta(minutes=30), NOW + timedelta(hours=1)):
        clock.instant = instant
        for relay in relays:
            relay.turn()
    with sessions.begin() as session:
        assert session.scalar(select(func.count()).select_from(OutboxRow)) == 2
