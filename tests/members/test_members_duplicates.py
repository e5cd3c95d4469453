"""One person with two memberships is found by what both share; staff are asked once and never again."""

import uuid
from datetime import date

import pytest
from sqlalchemy import select, update

from core.outbox import Task
from core.phone import PhoneNumber
from members.documents import PASSPORT, REFUGEE_ID, Document, OtherDocument
from members.duplicates.finding import DuplicateFinding
from members.duplicates.model import CaseState, Likeness, confidence_of
from members.duplicates.tables import DuplicateCaseRow
from members.model import Member, PhoneChangeStarted, Status
from members.numbers import NationalId
from members.tables import MemberRow
from tests.members.members_world import ID, OTHER_ID, OTHER_PHONE, PHONE, World, person

REFUGEE = OtherDocument.parse(REFUGEE_ID, "RCN-123456")
THIRD_PHONE = PhoneNumber.parse("0733000111")


def joins(
    world: World,
    phone: PhoneNumber = PHONE,
    document: Document = ID,
    given: str = "Wanjiku Mary",
    born: date = date(1990, 5, 4),
) -> Member:
    """Somebody joins on a phone by a paper; the registry says who they are."""
    world.ask(key=f"ask:{phone}:{document}", phone=phone, document=document)
    world.answered(person(given=given, born=born))
    return world.joined(key=f"join:{document!r}", phone=phone, document=document)


def look(world: World) -> list[DuplicateCaseRow]:
    """Every look that was asked for is done; the cases there are."""
    finding = DuplicateFinding(world.sessions, world.clock)
    for task in world.tasks("duplicates"):
        finding.run(task)
    with world.sessions() as session:
        return list(session.scalars(select(DuplicateCaseRow).order_by(DuplicateCaseRow.opened_at)))


def test_a_refugee_who_joins_again_by_a_national_id_is_found(world: World) -> None:
    first = joins(world, document=REFUGEE)
    second = joins(world, phone=OTHER_PHONE, document=ID)
    [case] = look(world)
    assert [case.first_id, case.second_id] == sorted((first.id, second.id))
    assert case.reasons == [Likeness.NAME_BIRTH, Likeness.OTHER_PAPER]
    assert (case.confidence, case.state) == (80, CaseState.OPEN)


def test_two_who_share_a_name_and_a_birth_date_by_the_same_kind_of_paper_are_less_sure(world: World) -> None:
    joins(world)
    joins(world, phone=OTHER_PHONE, document=OTHER_ID)
    [case] = look(world)
    assert case.reasons == [Likeness.NAME_BIRTH]
    assert case.confidence < 80


def test_people_who_share_nothing_open_no_case(world: World) -> None:
    joins(world)
    joins(world, OTHER_PHONE, OTHER_ID, given="Otieno")
    joins(world, THIRD_PHONE, REFUGEE, born=date(1990, 5, 5))
    assert look(world) == []


def test_the_phone_on_which_the_other_id_was_typed_first_points_to_one_person(world: World) -> None:
    first = joins(world)
    # Turned away because the ID is a member's, they join by another paper on the same phone.
    world.ask(key="try", phone=OTHER_PHONE, document=ID)
    second = joins(world, OTHER_PHONE, OTHER_ID, given="Otieno")
    [case] = look(world)
    assert {case.first_id, case.second_id} == {first.id, second.id}
    assert case.reasons == [Likeness.TYPED]


def test_a_phone_that_was_another_members_before_is_a_weak_sign(world: World) -> None:
    first = joins(world)
    with world.sessions.begin() as session:
        started = world.members.start_phone_change(
            session, key="move", identifier=ID, new_phone=OTHER_PHONE, birth_year=1990, language="en"
        )
        assert isinstance(started, PhoneChangeStarted)
        world.members.decide_phone_change(
            session, started.change_id, staff="staff:1", accept=True, reason="she came with her card"
        )
    second = joins(world, PHONE, OTHER_ID, given="Otieno")
    [case] = look(world)
    assert {case.first_id, case.second_id} == {first.id, second.id}
    assert case.reasons == [Likeness.PHONE]
    assert case.confidence == 30


def test_looking_again_opens_nothing_twice_and_never_what_staff_settled(world: World) -> None:
    joins(world)
    joins(world, phone=OTHER_PHONE, document=OTHER_ID)
    assert len(look(world)) == 1
    with world.sessions.begin() as session:
        session.execute(update(DuplicateCaseRow).values(state=CaseState.DIFFERENT))
    [case] = look(world)
    assert case.state == CaseState.DIFFERENT


def test_a_closed_membership_is_nobodys_double(world: World) -> None:
    joins(world)
    second = joins(world, phone=OTHER_PHONE, document=OTHER_ID)
    with world.sessions.begin() as session:
        session.execute(update(MemberRow).where(MemberRow.id == second.id).values(status=Status.CLOSED))
    assert look(world) == []


def test_the_daily_look_finds_those_of_before(world: World) -> None:
    joins(world)
    joins(world, phone=OTHER_PHONE, document=OTHER_ID)
    daily = Task(uuid.uuid4(), "duplicates", "every", {}, 1, world.clock.now())
    finding = DuplicateFinding(world.sessions, world.clock)
    finding.run(daily)
    finding.run(daily)
    with world.sessions() as session:
        assert len(session.scalars(select(DuplicateCaseRow)).all()) == 1


def test_an_answer_that_comes_after_joining_is_looked_at_too(world: World) -> None:
    joins(world)
    world.ask(key="late", phone=OTHER_PHONE, document=OTHER_ID)
    world.joined(key="late-join", phone=OTHER_PHONE, document=OTHER_ID)
    assert look(world) == []
    world.answered(person())
    assert len(look(world)) == 1


@pytest.mark.parametrize("reasons", [[], list(Likeness), [Likeness.PHONE, Likeness.TYPED]])
def test_confidence_grows_with_what_is_shared_and_is_never_certain(reasons: list[Likeness]) -> None:
    assert 0 <= confidence_of(reasons) <= 95
    assert all(confidence_of([*reasons, more]) >= confidence_of(reasons) for more in Likeness)


def test_papers_of_other_kinds_are_papers(world: World) -> None:
    passport = OtherDocument.parse(PASSPORT, "AB1234567")
    joins(world, document=passport)
    joins(world, OTHER_PHONE, NationalId.parse("34567890"))
    assert Likeness.OTHER_PAPER in look(world)[0].reasons
