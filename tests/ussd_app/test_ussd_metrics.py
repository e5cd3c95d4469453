"""Metrics can be read at any moment in the life of a web process."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import SecretStr
from sqlalchemy import select

from core import outbox
from core.outbox import OutboxRow
from core.settings import Environment
from core.vault import Vault
from tests.ussd_app.surroundings import environment_of
from ussd_app.application import create_app
from ussd_app.bootstrap import Services
from ussd_app.health import WrittenFiles


def test_a_process_that_was_killed_while_starting_does_not_hide_the_metrics_of_the_others(
    tmp_path: Path,
) -> None:
    (tmp_path / "counter_7.db").touch()
    registry = CollectorRegistry()
    WrittenFiles(registry, str(tmp_path))
    assert generate_latest(registry) == b""


def test_in_production_a_task_that_waits_for_its_time_is_no_fault_and_one_that_nobody_takes_is(
    services: Services,
) -> None:
    production = services.settings.model_copy(update={"kibaba_env": Environment.PRODUCTION})
    client = create_app(replace(services, settings=production)).test_client()
    now = services.clock.now()
    with services.sessions.begin() as session:
        tomorrow = now + timedelta(days=1)
        outbox.add(session, "phone_change", "waits", {}, now=now, due_at=tomorrow)
        # Behind one of their order that waits for a registry that is away, none can be taken.
        outbox.add(session, "post", "waits", {}, now=now, due_at=tomorrow, order_key="post:1")
        ago = now - timedelta(hours=1)
        outbox.add(session, "post", "behind it", {}, now=now, due_at=ago, order_key="post:1")
    assert client.get("/readyz").json == {"ready": True, "faults": []}
    told = create_app(services).test_client().get("/metrics").text
    assert 'kibaba_outbox_pending{topic="phone_change"} 0.0' in told
    assert 'kibaba_outbox_later{topic="phone_change"} 1.0' in told
    assert 'kibaba_outbox_oldest_seconds{topic="phone_change"} 0.0' in told
    with services.sessions.begin() as session:
        outbox.add(session, "message", "forgotten", {}, now=now, due_at=now - timedelta(seconds=301))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "nobody takes up work" in answer.get_data(as_text=True)
    with services.sessions.begin() as session:
        outbox.add(session, "message", "before it in a pile", {}, now=now)
        worked = select(OutboxRow.id).where(OutboxRow.key == "before it in a pile")
        outbox.finish(session, session.scalars(worked).one(), now=now)
    assert client.get("/readyz").json == {"ready": True, "faults": []}


def test_with_another_key_than_the_databases_nobody_is_ready(services: Services) -> None:
    client = create_app(services).test_client()
    assert client.get("/readyz").json == {"ready": True, "faults": []}
    other = Vault([b"another key 0123456789 0123456789"], b"another index key 0123456789 012345")
    answer = create_app(replace(services, vault=other)).test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()["faults"]) == (
        503,
        [f"the database was written with another {name}" for name in ("INDEX_KEY", "PII_KEYS")],
    )


def _read(services: Services, *, peer: str = "127.0.0.1", **headers: str) -> int:
    client = create_app(services).test_client()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get("/metrics", headers=named, environ_base={"REMOTE_ADDR": peer}).status_code


def _with(services: Services, **changes: object) -> Services:
    return replace(services, settings=services.settings.model_copy(update=changes))


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("41.90.1.2", {}, 404),
        ("10.0.0.7", {}, 404),
        ("", {}, 404),
        ("41.90.1.2", {"X_Forwarded_For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"X_Forwarded_For": "41.90.1.2"}, 404),
        ("127.0.0.1", {"X_Forwarded_For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 404),
        ("127.0.0.1", {"Authorization": "Bearer "}, 200),
    ],
)
def test_without_a_token_only_this_machine_reads_metrics_and_no_proxy_of_it(
    services: Services, peer: str, headers: dict[str, str], status: int
) -> None:
    assert _read(services, peer=peer, **headers) == status


def test_without_a_token_nobody_reads_metrics_in_production(services: Services) -> None:
    """A proxy on this machine need not say that it is one."""
    assert _read(_with(services, kibaba_env=Environment.PRODUCTION)) == 404


@pytest.mark.parametrize("environment", list(Environment))
def test_with_a_token_it_alone_opens_the_metrics(services: Services, environment: Environment) -> None:
    token = "metrics-token-of-the-tests-0123456789"
    guarded = _with(services, kibaba_env=environment, metrics_token=SecretStr(token))
    assert _read(guarded, peer="41.90.1.2", Authorization=f"Bearer {token}") == 200
    for shown in (f"Bearer {token}x", "Bearer ", token, "Bearer \xff"):
        assert _read(guarded, Authorization=shown) == 404
    assert _read(guarded) == 404


_SCRAPE = """
import sys
from core.settings import load_settings
from ussd_app.application import create_app
from ussd_app.bootstrap import build
print(create_app(build(load_settings())).test_client().get("/metrics").get_data(as_text=True))
"""


def test_what_waits_is_told_once_whichever_processes_were_asked_before(
    services: Services, tmp_path: Path
) -> None:
    """Two web processes that share their counters' files, as `bin/run` starts them."""
    env = environment_of(services.settings) | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def scrape() -> list[str]:
        answer = subprocess.run(
            [sys.executable, "-c", _SCRAPE], env=env, capture_output=True, text=True, check=True
        )
        return [line for line in answer.stdout.splitlines() if "outbox_pending" in line and line[0] != "#"]

    now = services.clock.now()
    for count in (1, 2):
        with services.sessions.begin() as session:
            outbox.add(session, "message", f"waits-{count}", {}, now=now)
        assert scrape() == [f'kibaba_outbox_pending{{topic="message"}} {count}.0']
