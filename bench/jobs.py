"""Contributions posted and read back, beside a bare `requests` loop with the same batches."""

import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import requests

from bench.ground import Ground, ground
from bench.kibaba import settings as bench_settings
from bench.kibaba import vault as bench_vault
from bench.members import SAVED_CENTS, Bulk
from bench.processes import BenchError, serving
from bench.report import Report
from core import outbox
from core.settings import load_settings
from operations.environment import lower_case
from operations.free_port import free_port
from operations.state import REPOSITORY
from payments.posting import BATCH_MAX
from ussd_app.bootstrap import build
from ussd_app.tasks import build_tasks
from workers.handling import TaskRunner
from workers.topics import TOPICS

_SHORTCODE = "174379"
_PAGE = 100
_SECRET = {"client_id": "kibaba", "client_secret": "sandbox-registry-secret"}
_QUEUE = """
TRUNCATE registry_postings, outbox;
INSERT INTO registry_postings (receipt_id, member_id, reference_id, lane, state, paid_at, created_at)
  SELECT id, member_id, id, abs(hashtext(member_id::text)) % 8, 'pending', paid_at, recorded_at FROM receipts;
INSERT INTO outbox (id, topic, key, payload, order_key, due_at)
  SELECT gen_random_uuid(), 'post', receipt_id, json_build_object('receipt_id', receipt_id),
    'post:' || lane, now() - interval '1 minute' FROM registry_postings;
ANALYZE registry_postings, outbox;
"""


@dataclass(frozen=True, slots=True)
class JobsOptions:
    """How many contributions; a tenth of the promised hundred thousand shows the same ratio."""

    contributions: int = 100_000


def run(options: JobsOptions, state: Path) -> Report:
    """Measure once. Raises BenchError when anything was lost or doubled."""
    with ground(state / "ground") as shared, _registry(state) as registry:
        database_url = Bulk(shared, bench_vault(), _SHORTCODE).database(
            max(1, options.contributions // len(SAVED_CENTS))
        )
        count = _queued(database_url)
        ours = _ours(shared, database_url, registry, count)
        _expect(registry, count)
        requests.post(f"{registry}/reset", json={}, timeout=60).raise_for_status()
        bare = _bare(registry, count)
        _expect(registry, count)
    ratio = ours / bare
    return Report(
        name="jobs",
        figures={"contributions": count, "kibaba_seconds": ours, "requests_loop_seconds": bare},
        ratios={"requests_loop": ratio},
        table=[
            ["", "seconds", "a second", "ratio"],
            [
                "Kibaba: outbox, batches, ledger of postings",
                f"{ours:.1f}",
                f"{count / ours:.0f}",
                f"{ratio:.2f}",
            ],
            ["bare requests.Session loop", f"{bare:.1f}", f"{count / bare:.0f}", "1.00"],
        ],
        notes=[
            f"{count} contributions in batches of {BATCH_MAX}, read back {_PAGE} at a time, from the sandbox",
            "one process does the work of the registry worker; RQ's hand-over of ids is not in it",
            "Redis is emptied half-way; every contribution is acknowledged, and the registry holds each once",
        ],
    )


@contextmanager
def _registry(state: Path) -> Iterator[str]:
    port = free_port()
    place = state / f"sandbox-{uuid.uuid4().hex[:8]}"
    argv = [sys.executable, "-m", "sandbox", "--port", str(port), "--state", str(place)]
    with serving(argv, cwd=REPOSITORY, env={}, port=port, core=1, log=state / "sandbox.log"):
        yield f"http://127.0.0.1:{port}"


def _queued(database_url: str) -> int:
    address = database_url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(_QUEUE)
        row = connection.execute("SELECT count(*) FROM registry_postings").fetchone()
    assert row is not None
    return int(row[0])


def _ours(shared: Ground, database_url: str, registry: str, count: int) -> float:
    environment = {**bench_settings(database_url, shared.redis_url(14))}
    environment |= {"FUND_REGISTRY_URL": f"{registry}/fund", "REGISTRY_READ_BACK_SECONDS": "0"}
    environment |= {
        "FUND_REGISTRY_CLIENT_ID": _SECRET["client_id"],
        "FUND_REGISTRY_CLIENT_SECRET": _SECRET["client_secret"],
    }
    services = build(load_settings(_env_file=None, **lower_case(environment)))
    services.redis.flushdb()
    runner = TaskRunner(services.sessions, services.clock, build_tasks(services).handlers, TOPICS)
    tasks_done, emptied = 0, False
    started = time.monotonic()
    while True:
        with services.sessions.begin() as session:
            ready = outbox.hand_out(session, now=services.clock.now(), seconds=20, limit=200)
        tasks = [(task_id, topic) for task_id, topic in ready if topic == "post"]
        if not tasks and not _waiting(database_url):
            break
        for task_id, topic in tasks:
            runner.run(task_id, topic)
            tasks_done += 1
            if not emptied and tasks_done * BATCH_MAX * 2 >= count:
                # What Redis holds for the registry (token, circuit, pace) is lost, and nothing else is.
                emptied = bool(services.redis.flushall())
    seconds = time.monotonic() - started
    left = _unacknowledged(database_url)
    services.close()
    if not emptied:
        raise BenchError("Redis was not lost in the middle")
    if left:
        raise BenchError(f"{left} contributions were not acknowledged")
    return seconds


def _bare(registry: str, count: int) -> float:
    """What a script would do: the same batches, posted and read back, kept nowhere."""
    references = [str(uuid.uuid4()) for _ in range(count)]
    started = time.monotonic()
    with requests.Session() as session:
        session.trust_env = False
        form = {"grant_type": "client_credentials", **_SECRET}
        token = session.post(f"{registry}/fund/oauth2/client/token", data=form, timeout=60).json()
        session.headers["Authorization"] = f"Bearer {token['access_token']}"
        for start in range(0, count, BATCH_MAX):
            batch = references[start : start + BATCH_MAX]
            session.post(
                f"{registry}/fund/registry/notify", json=_notify(batch), timeout=60
            ).raise_for_status()
            found = 0
            for page in range(0, len(batch), _PAGE):
                asked = _search(batch[page : page + _PAGE])
                answer = session.post(f"{registry}/fund/registry/sync/search", json=asked, timeout=60).json()
                found += len(answer["message"]["search_response"][0]["data"]["reg_records"])
            if found != len(batch):
                raise BenchError(f"the bare loop found {found} of {len(batch)}")
    return time.monotonic() - started


def _notify(references: Sequence[str]) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = {
        "@type": "Contribution",
        "member_identifier": [{"identifier_type": "NSSF_NO", "identifier_value": "400000018"}],
        "programme_identifier": "HABA",
        "amount": "200.00",
        "currency_code": "KES",
        "period": "2026-11",
        "paid_at": now,
        "provider_reference": "SKL1ABC2DE",
        "status": "rcvd",
    }
    data = {
        "version": "1.0.0",
        "reg_type": "ns:org:RegistryType:Contribution",
        "reg_event_type": "ContributionReceived",
        "reg_record_type": "Contribution",
        "response_entity": "Member",
        "reg_records": record,
    }
    events = [{"reference_id": one, "timestamp": now, "data": data, "locale": "eng"} for one in references]
    return _envelope(
        "notify", {"transaction_id": str(uuid.uuid4()), "notify_event": events}, len(events), now
    )


def _search(references: Sequence[str]) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    expression = {"attribute_name": "reference_id", "operator": "in", "attribute_value": list(references)}
    criteria = {
        "query_type": "predicate",
        "query": [{"seq_num": 1, "expression1": expression}],
        "pagination": {"page_size": _PAGE, "page_number": 1},
    }
    item = {"reference_id": "r", "timestamp": now, "search_criteria": criteria, "locale": "eng"}
    return _envelope("search", {"transaction_id": str(uuid.uuid4()), "search_request": [item]}, 1, now)


def _envelope(action: str, message: dict[str, Any], count: int, now: str) -> dict[str, Any]:
    header = {
        "version": "1.0.0",
        "message_id": str(uuid.uuid4()),
        "message_ts": now,
        "action": action,
        "sender_id": "kibaba",
        "total_count": count,
    }
    return {"header": header, "message": message}


def _expect(registry: str, count: int) -> None:
    told = requests.get(f"{registry}/fund/total", timeout=120).json()
    if told["count"] != count:
        raise BenchError(f"the registry holds {told['count']} of {count} contributions")


def _waiting(database_url: str) -> bool:
    return _number(database_url, "SELECT count(*) FROM outbox WHERE topic = 'post' AND state = 'pending'") > 0


def _unacknowledged(database_url: str) -> int:
    return _number(database_url, "SELECT count(*) FROM registry_postings WHERE state <> 'acknowledged'")


def _number(database_url: str, query: str) -> int:
    with psycopg.connect(database_url.replace("postgresql+psycopg", "postgresql")) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
