"""What members ask of the registries, through adapters and stand-ins: papers, and enrolment elsewhere."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

import sandbox
from core.clock import SystemClock
from core.shared_token import LocalTokenCache
from members.civil import PersonFound, PersonUnknown
from members.documents import PASSPORT, REFUGEE_ID, OtherDocument
from members.elsewhere import EnrolmentAnswer, NoEnrolmentAnswer
from members.numbers import NationalId
from registry.civil import CivilRegistry
from registry.client import DciClient
from registry.connection import Paths
from registry.model import Identifier
from tests.registry.test_registry_sandbox import a_sandbox_connection
from ussd_app.enrolling import EnrolmentsForMembers
from ussd_app.identifiers import document_of
from ussd_app.registries import CivilForMembers

FOLDER = Path(sandbox.__file__).parent
ENROLLED = next(csv.DictReader((FOLDER / "enrolled.csv").read_text(encoding="ascii").splitlines()))
REFUGEE = OtherDocument(REFUGEE_ID, "KEN00012345")
TRAVELLER = OtherDocument(PASSPORT, "AK0123456")


@pytest.fixture
def civil(sandbox_url: str) -> Iterator[CivilForMembers]:
    client = DciClient.open(a_sandbox_connection(sandbox_url, "civil"), LocalTokenCache())
    yield CivilForMembers(CivilRegistry(client), "civil", SystemClock())
    client.close()


@pytest.fixture
def fund(sandbox_url: str) -> Iterator[DciClient]:
    client = DciClient.open(a_sandbox_connection(sandbox_url, "fund"), LocalTokenCache())
    yield client
    client.close()
    requests.delete(f"{sandbox_url}/faults", timeout=30)


@pytest.mark.parametrize("document", [REFUGEE, TRAVELLER])
def test_a_person_is_found_by_another_paper(civil: CivilForMembers, document: OtherDocument) -> None:
    answer = civil.find(document)
    assert isinstance(answer, PersonFound)
    assert answer.alive
    assert answer.surname


def test_the_number_of_one_paper_is_not_that_of_another(civil: CivilForMembers) -> None:
    assert isinstance(civil.find(OtherDocument(PASSPORT, "KEN012345")), PersonUnknown)
    assert isinstance(civil.find(OtherDocument(REFUGEE_ID, TRAVELLER.number)), PersonUnknown)


@pytest.mark.parametrize(
    ("identifier", "document"),
    [
        (Identifier("UIN", "012345678"), NationalId("12345678")),
        (Identifier("REFUGEE_ID", "ken-00012345"), REFUGEE),
        (Identifier("PASSPORT", "AK 0123456"), TRAVELLER),
        (Identifier("NSSF_NO", "400000018"), None),
    ],
)
def test_a_registry_that_tells_of_somebody_names_the_same_paper(
    identifier: Identifier, document: OtherDocument | NationalId | None
) -> None:
    assert document_of(identifier) == document


@pytest.mark.parametrize(("number", "enrolled"), [(ENROLLED["id"], True), ("12345678", False)])
def test_the_fund_is_asked_who_is_enrolled_elsewhere(fund: DciClient, number: str, enrolled: bool) -> None:
    answer = EnrolmentsForMembers(fund, SystemClock(), programme="HABA").enrolled(NationalId(number))
    assert isinstance(answer, EnrolmentAnswer)
    assert (answer.enrolled, answer.source) == (enrolled, "fund")


def test_a_fund_that_is_away_gives_no_answer_yet(fund: DciClient, sandbox_url: str) -> None:
    requests.put(f"{sandbox_url}/faults/fund", json={"outage": True}, timeout=30).raise_for_status()
    answer = EnrolmentsForMembers(fund, SystemClock(), programme="HABA").enrolled(NationalId("12345678"))
    assert isinstance(answer, NoEnrolmentAnswer)
    assert not answer.final


def test_a_fund_without_this_call_is_not_asked_for_ever(sandbox_url: str) -> None:
    connection = a_sandbox_connection(
        sandbox_url, "fund", paths=Paths(sync_enrolled="/registry/there/is/no/such/call")
    )
    client = DciClient.open(connection, LocalTokenCache())
    answer = EnrolmentsForMembers(client, SystemClock(), programme="HABA").enrolled(NationalId("12345678"))
    client.close()
    assert isinstance(answer, NoEnrolmentAnswer)
    assert answer.final
