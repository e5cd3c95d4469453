"""The central registry tells us, unasked, who is in which programme (IBR `sync/enrollment/updates`)."""

import uuid
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.ids import new_id
from core.settings import Settings
from members.model import Enrolment, IdentityState, Status
from members.tables import EnrolmentCheckRow, IdentityCheckRow, MemberRow
from registry.server.model import Scope
from tests.registry.dci_world import DciWorld, Partner, a_world, code_of

ID = "12345678"
OURS, OTHER = "HABA", "JAMII"
BAD_PERSON = "rjct.person_id.invalid"


def beneficiary(
    value: str = ID, kind: str = "UIN", *, programme: str = OTHER, status: str = "active"
) -> dict[str, Any]:
    return {
        "member": {"member_identifier": [{"identifier_type": kind, "identifier_value": value}]},
        "programme_identifier": {
            "programme": {"programme_identifier": programme},
            "enrolment_date": "2026-11-01",
            "enrolment_status": status,
        },
    }


def say(partner: Partner, *people: Any, **how: Any) -> Any:
    message = {"transaction_id": str(uuid.uuid4()), "enrolled_updates": {"beneficiaries": list(people)}}
    return partner.say("sync/enrollment/updates", "notify", message, **{"count": len(people)} | how)


def words(answer: Any) -> list[str]:
    assert (answer["header"]["action"], answer["header"]["status"]) == ("on-notify", "succ"), answer
    return [entry["enrolled_status"] for entry in answer["message"]["enrolled_response"]]


def joined(world: DciWorld, national_id: str = ID) -> MemberRow:
    """A member whose ID was looked up, as everybody's is."""
    member = world.member(national_id)
    with world.sessions.begin() as session:
        session.add(
            IdentityCheckRow(
                id=new_id(),
                key=f"check-{member.id}",
                phone_index=member.phone_index,
                identifier_type=member.identifier_type,
                identifier=member.identifier,
                identifier_index=member.identifier_index,
                state=IdentityState.FOUND,
                member_id=member.id,
                created_at=datetime.now(UTC),
            )
        )
    return member


def known(world: DciWorld) -> list[tuple[str, str | None]]:
    with world.sessions() as session:
        rows = session.scalars(select(EnrolmentCheckRow)).all()
        return [(row.state, row.source) for row in rows]


def heard(world: DciWorld) -> list[str]:
    with world.sessions() as session:
        entries = select(AuditEntry.reason).where(AuditEntry.action == "member.registry_event")
        return [reason or "" for reason in session.scalars(entries)]


@pytest.fixture
def fund(world: DciWorld) -> Partner:
    return world.partner("fund", speaks_for="fund")


def test_what_a_registry_tells_of_a_member_is_kept_with_its_source(world: DciWorld, fund: Partner) -> None:
    joined(world)
    assert words(say(fund, beneficiary())) == ["yes"]
    assert known(world) == [(Enrolment.YES, "fund")]
    assert heard(world) == ["the fund registry says that the member is enrolled in the programme JAMII"]


def test_a_member_is_found_by_the_registrys_own_names(settings: Settings) -> None:
    options = {"identifier_names": {"UIN": "NATIONAL_ID"}}
    with closing(a_world(settings.model_copy(update={"fund_registry_options": options}))) as world:
        joined(world)
        fund = world.partner("fund", speaks_for="fund")
        assert words(say(fund, beneficiary(kind="National_ID"))) == ["yes"]
        assert known(world) == [(Enrolment.YES, "fund")]


def test_who_has_left_one_programme_may_be_in_a_third(world: DciWorld, fund: Partner) -> None:
    joined(world)
    say(fund, beneficiary())
    assert words(say(fund, beneficiary(status="inactive"))) == ["no"]
    assert known(world) == [(Enrolment.UNKNOWN, "fund")]
    say(fund, beneficiary(status="inactive"))
    assert len(heard(world)) == 2


def test_the_same_again_changes_nothing_and_is_noted_once(world: DciWorld, fund: Partner) -> None:
    joined(world)
    for _ in range(3):
        assert words(say(fund, beneficiary())) == ["yes"]
    assert known(world) == [(Enrolment.YES, "fund")]
    assert len(heard(world)) == 1


def test_of_strangers_nothing_is_kept_and_the_answer_does_not_tell_who_is_one(
    world: DciWorld, fund: Partner
) -> None:
    joined(world)
    answer = say(fund, beneficiary("7654321"), beneficiary(), beneficiary("x", "MOBILE", status="inactive"))
    assert words(answer) == ["yes", "yes", "no"]
    assert len(known(world)) == 1
    with world.sessions() as session:
        messages = session.connection().exec_driver_sql("SELECT m::text FROM dci_messages m").scalars().all()
    assert messages
    assert not any("7654321" in row for row in messages)


def test_of_our_own_programme_we_know_ourselves(world: DciWorld, fund: Partner) -> None:
    joined(world)
    assert words(say(fund, beneficiary(programme=OURS))) == ["yes"]
    assert known(world) == []


@pytest.mark.parametrize("status", [Status.DECEASED, Status.CLOSED])
def test_who_is_no_member_any_more_is_left_alone(world: DciWorld, fund: Partner, status: Status) -> None:
    member = joined(world)
    with world.sessions.begin() as session:
        session.get_one(MemberRow, member.id).status = status
    say(fund, beneficiary())
    assert known(world) == []


@pytest.mark.parametrize("speaks_for", ["", "civil"])
def test_only_the_central_registry_is_believed(world: DciWorld, speaks_for: str) -> None:
    joined(world)
    answer = say(world.partner(speaks_for=speaks_for), beneficiary())
    assert (answer["header"]["status"], code_of(answer)) == ("rjct", "rjct.action.not_supported")
    assert known(world) == []


def test_without_the_scope_nobody_tells_anything(world: DciWorld) -> None:
    partner = world.partner(speaks_for="fund", scopes=[Scope.SEARCH])
    message = {"transaction_id": "t", "enrolled_updates": {"beneficiaries": [beneficiary()]}}
    assert partner.post("sync/enrollment/updates", partner.envelope("notify", message)).status_code == 403


@pytest.mark.parametrize(
    "bad",
    [
        "nobody",
        {},
        beneficiary(status="dancing"),
        beneficiary(programme=""),
        beneficiary() | {"member": {"member_identifier": []}},
        beneficiary() | {"programme_identifier": "JAMII"},
    ],
    ids=str,
)
def test_one_that_cannot_be_understood_rejects_all(world: DciWorld, fund: Partner, bad: Any) -> None:
    joined(world)
    answer = say(fund, beneficiary(), bad)
    assert (answer["header"]["status"], code_of(answer)) == ("rjct", BAD_PERSON)
    assert answer["message"]["enrolled_response"] == []
    assert known(world) == []


def test_the_count_must_be_right(world: DciWorld, fund: Partner) -> None:
    joined(world)
    assert code_of(say(fund, beneficiary(), count=2)) == "rjct.total_count.invalid"
    assert known(world) == []


def test_the_same_message_is_not_taken_twice(world: DciWorld, fund: Partner) -> None:
    joined(world)
    message = {"transaction_id": "t", "enrolled_updates": {"beneficiaries": [beneficiary()]}}
    body = fund.envelope("notify", message)
    assert words(fund.post("sync/enrollment/updates", body).get_json()) == ["yes"]
    assert code_of(fund.post("sync/enrollment/updates", body).get_json()) == "rjct.message_id.duplicate"
