"""Enrolments from outbox to stand-in, on good days and bad ones: once, read back, and not "elsewhere"."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import update

import sandbox
from core.outbox import OutboxRow
from core.settings import Settings
from core.shared_token import LocalTokenCache
from members.documents import PASSPORT, Document, OtherDocument
from members.elsewhere import EnrolmentAnswer
from members.enrolments import tell_standing
from members.model import Status
from members.numbers import NationalId
from members.tables import EnrolmentTellingRow, MemberRow
from registry.client import DciClient
from registry.model import Enrolled, Identifier
from sandbox.testing import running_sandbox
from tests.registry.dci_world import DciWorld, a_world
from tests.registry.test_registry_sandbox import a_sandbox_connection
from ussd_app.enrolling import EnrolmentsForMembers

FOLDER = Path(sandbox.__file__).parent
PAPER = next(
    row
    for row in csv.DictReader((FOLDER / "documents.csv").read_text(encoding="ascii").splitlines())
    if row["identifier_type"] == "PASSPORT"
)
ELSEWHERE = next(csv.DictReader((FOLDER / "enrolled.csv").read_text(encoding="ascii").splitlines()))["id"]
NOBODY = "23450001"


@pytest.fixture
def house(settings: Settings, tmp_path: Path) -> Iterator[tuple[DciWorld, str]]:
    with running_sandbox(tmp_path) as url:
        registry = {"fund_registry_url": f"{url}/fund", "fund_registry_enrolments": True}
        world = a_world(settings.model_copy(update=registry))
        yield world, url
        world.close()


@pytest.fixture
def fund(house: tuple[DciWorld, str]) -> Iterator[DciClient]:
    client = DciClient.open(a_sandbox_connection(house[1], "fund"), LocalTokenCache())
    yield client
    client.close()


def stands(world: DciWorld, member: MemberRow, **values: Any) -> None:
    """A membership's status is decided."""
    with world.sessions.begin() as session:
        row = session.get_one(MemberRow, member.id)
        for name, value in values.items():
            setattr(row, name, value)
        tell_standing(session, row, now=world.services.clock.now())


def held(url: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = requests.get(f"{url}/fund/enrolments", timeout=30).json()
    return rows


def states(world: DciWorld) -> list[str]:
    with world.sessions() as session:
        rows = session.query(EnrolmentTellingRow).order_by(EnrolmentTellingRow.number)
        return [row.state for row in rows]


def fault(url: str, **spec: Any) -> None:
    requests.put(f"{url}/faults/fund", json=spec, timeout=30).raise_for_status()


def mend(world: DciWorld, url: str) -> None:
    requests.delete(f"{url}/faults", timeout=30).raise_for_status()
    for key in world.services.redis.keys("circuit:*"):
        world.services.redis.delete(key)


def elsewhere(world: DciWorld, fund: DciClient, document: Document) -> bool | None:
    answer = EnrolmentsForMembers(fund, world.services.clock, programme="HABA").enrolled(document)
    assert isinstance(answer, EnrolmentAnswer)
    return answer.enrolled


def test_a_member_is_enrolled_there_by_paper_and_number(house: tuple[DciWorld, str]) -> None:
    world, url = house
    member = world.member(NOBODY)
    stands(world, member)
    world.work("enrolment")
    assert states(world) == ["confirmed"]
    assert held(url) == [
        {
            "programme": "HABA",
            "membership": member.number,
            "status": "active",
            "enrolled_on": "2026-11-01",
            "identifiers": {"UIN": NOBODY, "NSSF_NO": member.number},
            "updates": 1,
            "deliveries": 1,
        }
    ]


def test_a_registry_that_does_not_want_enrolments_hears_nothing(
    settings: Settings, house: tuple[DciWorld, str]
) -> None:
    _, url = house
    world = a_world(settings.model_copy(update={"fund_registry_url": f"{url}/fund"}))
    stands(world, world.member(NOBODY))
    world.work("enrolment")
    assert (states(world), held(url)) == (["withdrawn"], [])
    assert world.tasks("enrolment") == []
    world.close()


FAULTS: dict[str, dict[str, Any]] = {
    "away": {"outage": True},
    "broken": {"http_status": 500},
    "busy": {"http_status": 429, "retry_after": 30},
    "answers lost": {"drop": True},
    "half posting": {"half_post": True},
    "wrong signature": {"outcome": "wrong_signature"},
    "token refused": {"outcome": "token_refused"},
    "lying": {"outcome": "lies"},
    "unsure": {"error_code": "err.request.timeout"},
    "settings refused": {"error_code": "err.sender_id.invalid"},
}


@pytest.mark.parametrize("name", FAULTS)
def test_after_a_bad_day_everybody_is_enrolled_once(house: tuple[DciWorld, str], name: str) -> None:
    world, url = house
    fault(url, **FAULTS[name])
    for _ in range(3):
        stands(world, world.member())
    for _ in range(3):
        world.work("enrolment")
    assert "confirmed" not in states(world)
    assert len(world.tasks("enrolment")) == 3
    mend(world, url)
    world.work("enrolment")
    assert states(world) == ["confirmed"] * 3
    assert [(row["status"], row["updates"]) for row in held(url)] == [("active", 1)] * 3


def test_a_task_that_is_worked_after_its_end_tells_nothing_again(house: tuple[DciWorld, str]) -> None:
    world, url = house
    stands(world, world.member())
    world.work("enrolment")
    with world.sessions.begin() as session:
        session.execute(update(OutboxRow).where(OutboxRow.topic == "enrolment").values(state="pending"))
    world.work("enrolment")
    assert [row["deliveries"] for row in held(url)] == [1]


def test_a_rejection_waits_for_staff_with_the_registrys_words(house: tuple[DciWorld, str]) -> None:
    world, url = house
    fault(url, error_code="rjct.person_id.invalid")
    stands(world, world.member())
    world.work("enrolment")
    [dead] = world.tasks("enrolment", "dead")
    assert "rjct.person_id.invalid: refused by fault" in str(dead.last_error)
    assert held(url) == []
    mend(world, url)
    with world.sessions.begin() as session:
        session.execute(update(OutboxRow).where(OutboxRow.id == dead.id).values(state="pending"))
    world.work("enrolment")
    assert states(world) == ["confirmed"]


def test_a_closed_membership_is_told_as_ended_and_opened_again(
    house: tuple[DciWorld, str], fund: DciClient
) -> None:
    world, url = house
    member = world.member(NOBODY)
    for status, enrolled in ((Status.ACTIVE, True), (Status.CLOSED, False), (Status.ACTIVE, True)):
        stands(world, member, status=status)
        world.work("enrolment")
        assert fund.sync_enrolled(Identifier("UIN", NOBODY), "HABA") == Enrolled(enrolled)
    assert states(world) == ["confirmed"] * 3
    assert [row["updates"] for row in held(url)] == [3]


def test_a_merged_membership_ends_and_its_person_stays_enrolled(
    house: tuple[DciWorld, str], fund: DciClient
) -> None:
    world, url = house
    kept, closed = world.member(PAPER["id"]), world.member()
    passport = {"identifier_type": PASSPORT, "identifier": PAPER["number"]}
    stands(world, kept)
    stands(world, closed, **passport)
    world.work("enrolment")
    stands(world, closed, status=Status.CLOSED, merged_into=kept.id)
    world.work("enrolment")
    assert states(world) == ["confirmed"] * 3
    assert {row["membership"]: row["status"] for row in held(url)} == {
        kept.number: "active",
        closed.number: "inactive",
    }
    for identifier in (Identifier("UIN", PAPER["id"]), Identifier("PASSPORT", PAPER["number"])):
        assert fund.sync_enrolled(identifier, "HABA") == Enrolled(enrolled=True)
    stands(world, closed, status=Status.ACTIVE, merged_into=None)
    world.work("enrolment")
    assert {row["status"] for row in held(url)} == {"active"}


def test_whom_we_enrolled_ourselves_is_not_enrolled_elsewhere(
    house: tuple[DciWorld, str], fund: DciClient
) -> None:
    """Neither by the same ID, nor by another paper of the same person."""
    world, _ = house
    papers = (NationalId(PAPER["id"]), OtherDocument(PASSPORT, PAPER["number"]))
    assert [elsewhere(world, fund, paper) for paper in papers] == [False, False]
    stands(world, world.member(PAPER["id"]))
    world.work("enrolment")
    assert [elsewhere(world, fund, paper) for paper in papers] == [None, None]


def test_who_is_enrolled_elsewhere_is_known_until_we_enrol_them_too(
    house: tuple[DciWorld, str], fund: DciClient
) -> None:
    world, _ = house
    assert elsewhere(world, fund, NationalId(ELSEWHERE)) is True
    stands(world, world.member(ELSEWHERE))
    world.work("enrolment")
    assert elsewhere(world, fund, NationalId(ELSEWHERE)) is None
    assert fund.sync_enrolled(Identifier("UIN", ELSEWHERE), "JAMII") == Enrolled(enrolled=True)
