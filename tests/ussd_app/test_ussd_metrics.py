"""Metrics can be read at any moment in the life of a web process."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from core import outbox
from core.settings import Environment
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
    assert client.get("/readyz").json == {"ready": True, "faults": []}
    with services.sessions.begin() as session:
        outbox.add(session, "message", "forgotten", {}, now=now, due_at=now - timedelta(seconds=301))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "nobody takes up work" in answer.get_data(as_text=True)
