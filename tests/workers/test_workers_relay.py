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
from workers.topics import QUEUES, TOPICS

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


def test_each_topic_goes_to_its_own_queue_as_a_bare_id(sessions: Sessions, redis: Redis) -> None:
    with sessions.begin() as session:
        for topic in TOPICS:
            outbox.add(session, topic, "k", {"note": "Mwanaisha"}, now=NOW)
    Relay(sessions, redis, SetClock(), []).turn()
    assert sorted((queue, args[1]) for queue, args in waiting(redis)) == sorted(
        (plan.queue, topic) for topic, plan in TOPICS.items()
    )
    assert all(len(job.args) == 2 and not job.kwargs and not job.meta for _, job in jobs(redis))
    assert not [job for _, job in jobs(redis) if "Mwanaisha" in f"{job.args}{job.description}"]


def test_a_task_that_redis_lost_is_handed_out_again(sessions: Sessions, redis: Redis) -> None:
    clock = SetClock()
    relay = Relay(sessions, redis, clock, [])
    with sessions.begin() as session:
        outbox.add(session, "message", "k", {}, now=NOW)
    assert relay.turn() == 1
    redis.flushdb()
    assert relay.turn() == 0
    clock.instant = NOW + timedelta(seconds=21)
    assert relay.turn() == 1
    assert len(waiting(redis)) == 1


def test_a_task_of_another_release_waits_and_holds_up_nobody(sessions: Sessions, redis: Redis) -> None:
    with sessions.begin() as session:
        outbox.add(session, "of_the_next_release", "k", {}, now=NOW)
        outbox.add(session, "message", "k", {}, now=NOW)
    relay = Relay(sessions, redis, SetClock(), [])
    assert relay.turn() == 1
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
