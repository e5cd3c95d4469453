"""A web process that would seal with a retired key writes nothing, and says so to everybody who asks."""

from datetime import UTC, datetime
from http import HTTPStatus

from flask.testing import FlaskClient
from sqlalchemy import func, select

from core.database import Sessions, make_engine, make_sessions
from core.key_proofs import mark_retired
from core.settings import Settings
from core.vault import Vault
from payments.evidence.tables import Evidence
from tests.ussd_app.conftest import Phone
from ussd_app.bootstrap import Services

CONFIRMATION = {"TransID": "UKMMRRHYNP", "TransAmount": "50.00", "BusinessShortCode": "174379"}


def retire_key_of(services: Services, settings: Settings) -> Sessions:
    """Sessions of a process with another key, which has retired this one's."""
    engine = make_engine(settings.database_url.get_secret_value(), Vault([b"n" * 40], b"i" * 40))
    services.closing.callback(engine.dispose)
    others = make_sessions(engine)
    with others.begin() as session:
        mark_retired(session, services.vault.newest, now=datetime(2026, 11, 30, tzinfo=UTC))
    return others


def test_it_is_not_let_into_the_database(services: Services, settings: Settings, client: FlaskClient) -> None:
    others = retire_key_of(services, settings)
    assert Phone(client, "+254712345678").dial().startswith("END Sorry")
    kept = client.post("/hooks/dev/c2b/confirmation", json=CONFIRMATION)
    assert kept.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    assert client.get("/readyz").status_code == HTTPStatus.SERVICE_UNAVAILABLE
    with others.begin() as session:
        assert session.scalar(select(func.count()).select_from(Evidence)) == 0
