"""An alert is seen in three places at once: on the day's page, in staff's SMS, and by Prometheus."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from core.outbox import OutboxRow, Task
from core.settings import Settings
from dashboard.staff.service import add_staff
from payments.alerts.service import AlertKind, clear_alert, raise_alert
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
