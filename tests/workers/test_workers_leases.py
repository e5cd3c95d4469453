"""An attempt is ended before its lease is: whoever works the task next finds nobody at work on it."""

import time
from dataclasses import fields

import pytest
from redis import Redis

from core import outbox
from core.clock import SystemClock
from core.database import Sessions
from core.outbox import OutboxRow, Task
from payments.wallets.airtel.config import AirtelConfig
from payments.wallets.mpesa.config import MpesaConfig
from payments.wallets.mtn.config import MtnConfig
from ussd_app.wallet_accounts import WALLET_SECONDS
from workers import jobs
from workers.handling import TaskRunner
from workers.rq_queue import enqueue, make_worker
from workers.topics import MESSAGES, TOPICS, TopicPlan

CALLS_A_WALLET = ("prompt", "ask", "refund", "wallet_balance")


@pytest.mark.parametrize("config", [MpesaConfig, AirtelConfig, MtnConfig])
def test_a_call_to_a_wallet_ends_by_itself_before_the_lease_does(
    config: type[MpesaConfig | AirtelConfig | MtnConfig],
) -> None:
    [connecting] = [one.default for one in fields(config) if one.name == "connect_timeout_seconds"]
    assert isinstance(connecting, float)
    assert connecting + WALLET_SECONDS < min(TOPICS[topic].lease_seconds for topic in CALLS_A_WALLET)


def test_an_attempt_that_lasts_longer_than_its_lease_does_nothing_more(
    sessions: Sessions, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token is slow to come, and the prompt that would follow it finds a newer one on its phone."""
    sent: list[str] = []

    def slow(task: Task) -> None:
        time.sleep(4)
        sent.append(task.key)

    topics = {"prompt": TopicPlan(MESSAGES, lease_seconds=1)}
    monkeypatch.setitem(TOPICS, "prompt", topics["prompt"])
    clock = SystemClock()
    monkeypatch.setattr(jobs, "runner", lambda: TaskRunner(sessions, clock, {"prompt": slow}, topics))
    with sessions.begin() as session:
        outbox.add(session, "prompt", "k", {}, now=clock.now())
        [(task_id, topic)] = outbox.hand_out(session, now=clock.now(), seconds=20, limit=1)
    enqueue(redis, [(task_id, topic)])
    make_worker(redis, MESSAGES).work(burst=True, logging_level="ERROR")
    assert sent == []
    with sessions.begin() as session:
        row = session.get_one(OutboxRow, task_id)
        assert (row.state, row.failures, row.leased_until) == ("pending", 1, None)
        assert row.last_error == "JobTimeoutException"
