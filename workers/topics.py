"""Which outbox topic is worked on which queue, for how long at most, and how often it is tried again."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

MONEY: Final = "money"
MESSAGES: Final = "messages"
REMINDERS: Final = "reminders"
IDENTITY: Final = "identity"
REGISTRY: Final = "registry"
# Workers by name, and the queues that each listens to: it takes from the first of them that has something. A
# receipt stands before all reminders, and a look-up for which somebody holds the phone before all postings.
WORKERS: Final = {MONEY: (MONEY,), MESSAGES: (MESSAGES, REMINDERS), REGISTRY: (IDENTITY, REGISTRY)}
QUEUES: Final = tuple(queue for queues in WORKERS.values() for queue in queues)

_PATIENT: Final = (2, 5, 15, 30, 60)


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """How one topic is worked.

    `lease_seconds` bounds one attempt: a worker that dies holds the task no longer than this.
    `backoff_seconds` are the pauses after an attempt that raised; the last one repeats.
    After `attempts_max` raised attempts the task is buried for staff to see. A handler that answers
    `Later` is waiting, not failing, and is not counted by this limit.
    Up to `batch_max` tasks are handed out as one job, and worked together where that is possible.
    """

    queue: str
    lease_seconds: int = 30
    backoff_seconds: tuple[int, ...] = _PATIENT
    attempts_max: int = 50
    batch_max: int = 1

    def batch_lease_seconds(self, count: int) -> int:
        """How long so many tasks may take together: most of them take a hundredth of one alone."""
        return self.lease_seconds + count // 5

    def pause_seconds(self, attempt: int) -> int:
        """The pause after raised attempt number `attempt` (from 1)."""
        return self.backoff_seconds[min(attempt, len(self.backoff_seconds)) - 1]


TOPICS: Final[dict[str, TopicPlan]] = {
    "prompt": TopicPlan(MONEY),
    "ask": TopicPlan(MONEY),
    "evidence": TopicPlan(MONEY, lease_seconds=15, batch_max=200),
    "pull": TopicPlan(MONEY, lease_seconds=120),
    "reconcile": TopicPlan(MONEY, lease_seconds=600),
    "balance": TopicPlan(MONEY),
    # A file of a million lines takes minutes; another worker begins only when this one is surely gone.
    "statement": TopicPlan(MONEY, lease_seconds=1800, attempts_max=5),
    "audit_head": TopicPlan(MONEY, lease_seconds=600),
    "alerts": TopicPlan(MESSAGES, lease_seconds=60),
    "alert_mail": TopicPlan(MESSAGES, lease_seconds=60, backoff_seconds=(30, 60, 300, 900)),
    "plan_reminders": TopicPlan(MONEY, lease_seconds=600),
    "where": TopicPlan(MONEY),
    "claim": TopicPlan(MONEY),
    "claim_again": TopicPlan(MONEY),
    "unnamed_payer": TopicPlan(MONEY),
    "look_again": TopicPlan(MONEY, lease_seconds=120),
    "hashed_payer": TopicPlan(MONEY),
    "refund": TopicPlan(MONEY),
    "refund_wish": TopicPlan(MONEY),
    "refunds": TopicPlan(MONEY),
    "wallet_balance": TopicPlan(MONEY),
    "tidy": TopicPlan(MONEY, lease_seconds=600),
    "post": TopicPlan(REGISTRY, lease_seconds=120),
    "correct": TopicPlan(REGISTRY, lease_seconds=120),
    "identity": TopicPlan(IDENTITY, lease_seconds=60),
    "enrolled": TopicPlan(REGISTRY, lease_seconds=60),
    # Two or three calls; who is not kept there is shown to staff within the hour.
    "enrolment": TopicPlan(REGISTRY, lease_seconds=90, attempts_max=30),
    "phone_change": TopicPlan(REGISTRY),
    "duplicates": TopicPlan(MONEY, lease_seconds=120),
    "merged_money": TopicPlan(MONEY, lease_seconds=120),
    "message": TopicPlan(MESSAGES),
    "reminder": TopicPlan(REMINDERS),
    "watch": TopicPlan(REGISTRY),
    "dci_callback": TopicPlan(REGISTRY),
    "dci_event": TopicPlan(REGISTRY),
    "dci_forget": TopicPlan(REGISTRY, lease_seconds=120),
}


def jobs_of(tasks: Iterable[tuple[uuid.UUID, str]]) -> Iterator[tuple[list[uuid.UUID], str]]:
    """Tasks (id, topic) in as few jobs as their topics allow, those of a topic in their order."""
    by_topic: dict[str, list[uuid.UUID]] = {}
    for task_id, topic in tasks:
        by_topic.setdefault(topic, []).append(task_id)
    for topic, ids in by_topic.items():
        most = TOPICS[topic].batch_max
        for start in range(0, len(ids), most):
            yield ids[start : start + most], topic
