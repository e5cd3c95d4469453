"""Our server and the stand-in registries, talking over real ports: watches, conformance, published words."""

import csv
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import sandbox
from core.settings import Settings
from core.shared_token import LocalTokenCache
from members.notices import announce
from members.tables import MemberRow
from operations.registration import let_registries_in
from registry.conformance import Report, examine
from registry.connection import Connection
from registry.server.endpoints import ENDPOINTS
from registry.tables import DciWatchRow
from sandbox.testing import running_sandbox
from tests.registry.dci_world import SECRET, DciWorld, a_world
from tests.registry.running_server import serving

PEOPLE = Path(sandbox.__file__).parent / "people.csv"
ALIVE = next(
    person
    for person in csv.DictReader(PEOPLE.read_text(encoding="utf-8").splitlines())
    if person["status"] == "alive"
)


@pytest.fixture
def pair(settings: Settings, tmp_path: Path) -> Iterator[tuple[DciWorld, str, str]]:
    """Our house, its address, and the address of a sandbox that knows it."""
    with running_sandbox(tmp_path) as sandbox_url:
        registries = {
            "civil_registry_url": f"{sandbox_url}/civil",
            "fund_registry_url": f"{sandbox_url}/fund",
        }
        world = a_world(settings.model_copy(update=registries))
        with serving(world.app) as our_url:
            yield world, our_url, sandbox_url
        world.close()


def eventually(claim: Callable[[], bool]) -> None:
    for _ in range(1200):
        if claim():
            return
        time.sleep(0.05)
    raise AssertionError("it never came true")


def test_a_member_is_watched_and_a_death_stops_the_membership(settings: Settings, tmp_path: Path) -> None:
    world = a_world(settings)
    with serving(world.app) as our_url, running_sandbox(tmp_path, target=our_url) as sandbox_url:
        known = {"civil_registry_url": f"{sandbox_url}/civil", "public_url": our_url}
        watching = a_world(settings.model_copy(update=known))
        let_registries_in(watching.services.settings, watching.services.sessions, watching.services.clock)
        member = watching.member(ALIVE["id"])
        with watching.sessions.begin() as session:
            announce(session, member.id, now=watching.services.clock.now())
        watching.work("watch")

        def live() -> bool:
            with watching.sessions.begin() as session:
                rows = session.query(DciWatchRow).all()
                return len(rows) == 2 and all(row.state == "live" and row.code for row in rows)

        eventually(live)
        told = requests.post(
            f"{sandbox_url}/civil/happenings", json={"id": ALIVE["id"], "event": "death"}, timeout=30
        )
        assert told.json() == {"told": 1}

        def stopped() -> bool:
            with watching.sessions.begin() as session:
                return session.get_one(MemberRow, member.id).status == "deceased"

        eventually(stopped)
        watching.close()
    world.close()


def connection_to(url: str, client_id: str, secret: str) -> Connection:
    return Connection.model_validate(
        {
            "name": "examined",
            "base_url": url,
            "client_id": client_id,
            "client_secret": secret,
            "sender_id": client_id,
            "reg_type": "ns:org:RegistryType:Civil",
            "reg_record_type": "Person",
        }
    )


def failed(report: Report) -> list[tuple[str, str, str]]:
    return [(check.call, check.claim, check.says) for check in report.checks if check.outcome == "failed"]


def test_our_own_server_passes_every_claim(pair: tuple[DciWorld, str, str]) -> None:
    world, our_url, _ = pair
    world.partner()
    report = examine(connection_to(f"{our_url}/dci", "partner", SECRET), LocalTokenCache(), "12345678")
    absent = [check.call for check in report.checks if check.outcome == "absent"]
    assert failed(report) == []
    # Keys are published at the root of the host, as RFC 8615 wants it.
    assert absent in (["jwks"], ["sync/search", "jwks"], [])


@pytest.mark.parametrize("role", ["civil", "fund"])
def test_the_stand_ins_fail_no_claim_but_replay(pair: tuple[DciWorld, str, str], role: str) -> None:
    _, _, sandbox_url = pair
    connection = connection_to(f"{sandbox_url}/{role}", "kibaba", "sandbox-registry-secret")
    report = examine(connection, LocalTokenCache(), ALIVE["id"])
    assert {claim for _, claim, _ in failed(report)} <= {"a message is not taken twice"}


def test_the_served_document_names_every_endpoint(pair: tuple[DciWorld, str, str]) -> None:
    _, our_url, _ = pair
    document = requests.get(f"{our_url}/dci/openapi.json", timeout=30).json()
    assert set(document["paths"]) == {f"/registry/{endpoint.path}" for endpoint in ENDPOINTS} | {
        "/oauth2/client/token"
    }


def test_whatever_is_sent_the_answer_is_as_described(settings: Settings) -> None:
    world = a_world(settings)
    partner = world.partner(signatures="ignored", requests_per_minute=1_000_000)
    token = partner.fetch_token().get_json()["access_token"]
    schema: Any = schemathesis.openapi.from_wsgi("/dci/openapi.json", world.app)
    schema.config.base_url = "http://localhost/dci"
    for operation in schema.get_all_operations():
        _fuzz(operation.ok(), token)
    world.close()


def _fuzz(operation: Any, token: str) -> None:
    def claim(case: Any) -> None:
        response = case.call(headers={"Authorization": f"Bearer {token}"})
        case.validate_response(
            response,
            checks=[
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ],
        )

    settings_of_fuzz(schemathesis_given(operation)(claim))()


def schemathesis_given(operation: Any) -> Any:
    return given(case=operation.as_strategy())


settings_of_fuzz = hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
