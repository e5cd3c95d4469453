"""Every call into RQ: queues with JSON payloads, ids only; workers; signs of life."""

import os
import uuid
from collections.abc import Iterable
from typing import Final

from redis import Redis
from rq import Queue, SimpleWorker, Worker
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from workers.topics import MESSAGES, QUEUES, TOPICS, WORKERS, jobs_of

_JOB: Final = "workers.jobs.perform"
# A row comes up again after 20 s: a job that waited longer would only find its row taken.
_WAITING_SECONDS_MAX: Final = 20
_FAILURE_KEPT_SECONDS: Final = 3600


def enqueue(redis: Redis, tasks: Iterable[tuple[uuid.UUID, str]]) -> None:
    """Hand tasks (id, topic) to their queues in few jobs. A job holds ids and a topic, nothing else."""
    for batch, topic in jobs_of(tasks):
        plan = TOPICS[topic]
        queue = Queue(plan.queue, connection=redis, serializer=JSONSerializer)
        queue.enqueue_call(
            _JOB,
            args=([str(task_id) for task_id in batch], topic),
            # From before the lease begins: an attempt is over, by this if by nothing else, when the next may
            # begin. A prompt that was sent later would reach a phone that has another one by then.
            timeout=plan.batch_lease_seconds(len(batch)),
            ttl=_WAITING_SECONDS_MAX,
            result_ttl=0,
            failure_ttl=_FAILURE_KEPT_SECONDS,
            description=topic,
        )


def jobs_waiting(redis: Redis) -> dict[str, int]:
    """For each queue, how many jobs no worker has taken yet. One that is too old to be worked counts until a
    worker passes over it.
    """
    with redis.pipeline(transaction=False) as pipeline:
        for queue in QUEUES:
            pipeline.llen(Queue(queue, connection=redis).key)
        return dict(zip(QUEUES, pipeline.execute(), strict=True))


def make_worker(redis: Redis, name: str) -> BaseWorker:
    """One of `WORKERS`. Money and registry jobs fork, so that a crash takes one job, not the worker.

    Its name in RQ begins with the process id of its parent: by that a crew is known to be complete.
    """
    kind: type[BaseWorker] = SimpleWorker if name == MESSAGES else Worker
    return kind(
        list(WORKERS[name]),
        name=f"{os.getppid()}.{uuid.uuid4().hex}",
        connection=redis,
        serializer=JSONSerializer,
        worker_ttl=60,
        log_job_description=False,
    )
