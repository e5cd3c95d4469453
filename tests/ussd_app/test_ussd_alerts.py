"""An alert is seen in three places at once: on the day's page, in staff's SMS, and by Prometheus."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import select

from core.outbox import Later, OutboxRow, Task
from core.settings import Settings
from dashboard.staff.service import add_staff
from members.notices import PHONE_PLACE
from payments.alerts.service import AlertKind, clear_alert, open_alerts, raise_alert
from sandbox.testing import running_sandbox
from tests.dashboard.browsing import PASSWORD, sign_in
from ussd_app.bootstrap import Services, build
from ussd_app.tasks import build_tasks

PHONE = "+254712000901"


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    built = build(settings.model_copy(update={"alert_phones": [PHONE]}))
    yield built
    built.close()


def shown_by(client: FlaskClient) -> tuple[bool, bool]:
    """Whether the day's page says it, and whether Prometheus is told."""
    page = client.get("/dashboard/", follow_redirects=True).text
    metrics = client.get("/metrics").get_data(as_text=True)
    told = 'kibaba_alerts_open{kind="pull_failed"} 1.0' in metrics
    return "list cannot be read" in page, told


def test_a_failed_pull_is_shown_told_and_counted_until_it_works(
    client: FlaskClient, services: Services
) -> None:
    now = services.clock.now()
    with services.sessions.begin() as session:
        add_staff(
            session, email="officer@fund.example", name="Amina", role="officer", password=PASSWORD, now=now
        )
    sign_in(client, "officer@fund.example")
    assert shown_by(client) == (False, False)
    with services.sessions.begin() as session:
        raise_alert(session, AlertKind.PULL_FAILED, "mpesa:174379", "the wallet answered 503", now=now)
    build_tasks(services).handlers["alerts"](Task(uuid.uuid4(), "alerts", "now", {}, 1, now))
    assert shown_by(client) == (True, True)
    with services.sessions.begin() as session:
        (told,) = session.scalars(select(OutboxRow).where(OutboxRow.topic == "message"))
        assert told.key.startswith("alert:")
        assert PHONE not in str(told.payload)
        clear_alert(session, AlertKind.PULL_FAILED, "mpesa:174379", now=now + timedelta(minutes=1))
    assert shown_by(client) == (False, False)


def test_staff_are_called_when_the_sms_provider_refuses_us(settings: Settings, tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as sandbox:
        changed = {"at_url": f"{sandbox}/africastalking", "at_api_key": SecretStr("wrong")}
        services = build(settings.model_copy(update=changed))
        now = services.clock.now()
        payload = {
            "template": "staff_alert",
            "phone_sealed": services.vault.seal(PHONE_PLACE, PHONE),
            "language": "en",
        }
        answer = build_tasks(services).handlers["message"](
            Task(uuid.uuid4(), "message", "k", payload, 1, now)
        )
        with services.sessions.begin() as session:
            assert [(alert.kind, alert.detail) for alert in open_alerts(session)] == [
                (AlertKind.SMS_REFUSED, "http 401")
            ]
        services.close()
    assert answer == Later(15, "http 401")
