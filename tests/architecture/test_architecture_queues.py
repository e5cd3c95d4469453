"""Every topic has a plan and a handler; every queue is consumed by some process."""

from pathlib import Path

from core.settings import Settings
from operations.processes import Ports, processes
from operations.state import State
from ussd_app.bootstrap import build
from ussd_app.tasks import build_tasks
from workers.topics import QUEUES, TOPICS, WORKERS


def test_every_queue_is_consumed_by_some_process(tmp_path: Path) -> None:
    env = {"REDIS_URL": "redis://127.0.0.1:9", "HOOK_TOKEN": "dev"}
    parts = processes(Ports(web=8000, sandbox=8001), State(tmp_path), env)
    assert set(WORKERS) <= {word for part in parts for word in part.argv}


def test_every_topic_is_handled_and_every_handler_has_a_plan(settings: Settings) -> None:
    assert set(build_tasks(build(settings)).handlers) == set(TOPICS)
    assert {plan.queue for plan in TOPICS.values()} == set(QUEUES)
