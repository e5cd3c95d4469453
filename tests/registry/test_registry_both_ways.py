"""Our server and the stand-in registries, talking over real ports: watches, conformance, published words."""

import csv
import time
from collections.abc import Callable, Iterator
from datetime import date
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
from members.elsewhere import EnrolmentAnswer
from members.notices import announce
from members.numbers import NationalId
from members.tables import MemberRow
from operations.registration import let_registries_in
from registry.client import DciClient
from registry.conformance import Report, examine
from registry.connection import Connection
from registry.model import Enrolled, Enrollee, Identifier
from registry.outcomes import Refused
from registry.server.endpoints import ENDPOINTS
from registry.tables import DciWatchRow
from sandbox.testing import running_sandbox
from tests.registry.dci_world import KEY, SECRET, DciWorld, a_world
from tests.registry.registry_replies import URL, ScriptedRegistry, a_connection
from tests.registry.running_server import serving
from ussd_app.enrolling import EnrolmentsForMembers

PUBLISHED = Path(__file__).parents[2] / "docs" / "registry-conformance.md"
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


def connection_to(url: str, client_id: str, secret: str, **more: Any) -> Connection:
    return Connection.model_validate(
        {
            "name": "examined",
            "base_url": url,
            "client_id": client_id,
            "client_secret": secret,
            "sender_id": client_id,
            "reg_type": "ns:org:RegistryType:Civil",
            "reg_record_type": "Person",
            **more,
        }
    )


def test_our_own_client_learns_from_our_own_server_who_is_enrolled(pair: tuple[DciWorld, str, str]) -> None:
    world, our_url, _ = pair
    world.partner(signatures="required")
    member, second = world.member("12345678"), world.member("23456789")
    with world.sessions.begin() as session:
        closed = session.get_one(MemberRow, second.id)
        closed.status, closed.merged_into = "closed", member.id
    signed = {"signature_mode": "spdci", "reply_signatures": "required"}
    connection = connection_to(f"{our_url}/dci", "partner", SECRET, **signed)
    client = DciClient.open(connection, LocalTokenCache(), signing_key=KEY)
    yes, no = Enrolled(enrolled=True), Enrolled(enrolled=False)
    for identifier, programme, answer in (
        (Identifier("UIN", "12345678"), "", yes),
        (Identifier("UIN", "12345678"), "HABA", yes),
        (Identifier("UIN", "12345678"), "JAMII", no),
        (Identifier("NSSF_NO", member.number), "", yes),
        (Identifier("UIN", "23456789"), "", yes),
        (Identifier("UIN", "34567890"), "", no),
        (Identifier("REFUGEE_ID", "12345678"), "", no),
    ):
        assert client.sync_enrolled(identifier, programme) == answer, identifier
    refused = client.sync_enrolled(Identifier("MOBILE", "254712345678"))
    assert isinstance(refused, Refused)
    assert refused.code == "rjct.search_criteria.invalid"
    for programme, elsewhere in (("JAMII", True), ("HABA", None)):
        asking = EnrolmentsForMembers(client, world.services.clock, programme=programme)
        asked_for_join = asking.enrolled(NationalId("12345678"))
        assert isinstance(asked_for_join, EnrolmentAnswer)
        assert asked_for_join.enrolled is elsewhere
    enrollee = Enrollee((Identifier("UIN", "12345678"),), "JAMII", date(2026, 11, 1))
    refused = client.enrollment_updates("t-1", [enrollee])
    assert isinstance(refused, Refused)
    assert refused.code == "rjct.action.not_supported"
    world.partner(signatures="required", speaks_for="fund")
    assert client.enrollment_updates("t-2", [enrollee]) == yes
    client.close()


def failed(report: Report) -> list[tuple[str, str, str]]:
    return [(check.call, check.claim, check.says) for check in report.checks if check.outcome == "failed"]


def as_published(column: str) -> dict[tuple[str, str], str]:
    """What the report in `docs/` says of one server, by call and claim."""
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in PUBLISHED.read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    place = rows[0].index(column)
    return {(row[0], row[1]): row[place] for row in rows[2:]}


def outcomes(report: Report) -> dict[tuple[str, str], str]:
    return {(check.call, check.claim): check.outcome for check in report.checks}


def test_our_own_server_passes_every_claim(pair: tuple[DciWorld, str, str]) -> None:
    world, our_url, _ = pair
    world.partner()
    world.member("12345678")
    report = examine(connection_to(f"{our_url}/dci", "partner", SECRET), LocalTokenCache(), "12345678")
    absent = [check.call for check in report.checks if check.outcome == "absent"]
    assert failed(report) == []
    assert absent == []
    assert outcomes(report) == as_published("Our server")


@pytest.mark.parametrize("role", ["civil", "fund"])
def test_the_stand_ins_fail_no_claim_but_replay(pair: tuple[DciWorld, str, str], role: str) -> None:
    _, _, sandbox_url = pair
    connection = connection_to(f"{sandbox_url}/{role}", "kibaba", "sandbox-registry-secret")
    report = examine(connection, LocalTokenCache(), ALIVE["id"])
    assert {claim for _, claim, _ in failed(report)} <= {"a message is not taken twice"}
    assert outcomes(report) == as_published(f"Stand-in: {role}")


def test_a_registry_that_knows_everybody_and_takes_any_update_does_not_pass(
    registry: ScriptedRegistry,
) -> None:
    """Claims that no server here fails can fail."""
    for path in ("sync/enrolled", "sync/enrollment/updates"):
        registry.wire.add_callback("POST", f"{URL}/registry/{path}", registry._answer)
    taken = {"header": {"status": "succ"}, "message": {"enrolled_response": [{"enrolled_status": "yes"}]}}
    registry.says(*[taken] * 4)
    nowhere = {"sync_search": "/nowhere", "notify": "/nowhere"}
    report = examine(a_connection(paths=nowhere), LocalTokenCache(), "1")
    found = {claim: outcome for (call, claim), outcome in outcomes(report).items() if "enrol" in call}
    assert found == {
        "status is told": "passed",
        "the answer is yes or no": "passed",
        "transaction_id is returned": "failed",
        "an unknown person is a clear no": "failed",
        "a question about nobody is rejected by a code": "failed",
        "the answer's signature holds": "absent",
        "an update that names nobody is refused by a code": "failed",
    }


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
