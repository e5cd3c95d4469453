"""Every topic has a plan and a handler; every queue is consumed by some process."""

import re
from pathlib import Path

from operations.processes import PROCESSES
from ussd_app import bootstrap
from workers.topics import QUEUES, TOPICS

REPOSITORY = Path(__file__).parents[2]
ADDED = re.compile(r"""outbox\.add\(\s*\w+,\s*(?:"(\w+)"|(\w+))""")


def test_every_queue_is_consumed_by_some_process() -> None:
    consumed = {word for process in PROCESSES for word in process.arguments}
    assert set(QUEUES) <= consumed


def test_every_topic_is_handled_and_every_handler_has_a_plan() -> None:
    assert set(bootstrap.HANDLED_TOPICS) == set(TOPICS)
    assert {plan.queue for plan in TOPICS.values()} == set(QUEUES)
