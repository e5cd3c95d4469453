"""Who has no national ID joins by a refugee ID or a passport, and is one person all the same."""

import pytest
from sqlalchemy import select

from core.errors import InvalidValue
from members.documents import PASSPORT, REFUGEE_ID, Document, OtherDocument, as_answer, from_answer
from members.model import AlreadyMember, IdentityState, Status
from members.tables import IdentityCheckRow, MemberRow
from tests.members.members_world import ID, OTHER_PHONE, World, person

REFUGEE = OtherDocument(REFUGEE_ID, "KEN00012345")
TRAVELLER = OtherDocument(PASSPORT, "AK0123456")


@pytest.mark.parametrize("document", [ID, REFUGEE, TRAVELLER])
def test_what_a_session_keeps_is_the_same_document_again(document: Document) -> None:
    assert from_answer(as_answer(document)) == document


@pytest.mark.parametrize("typed", ["ken 000-12345", "KEN/00012345", "Ken00012345"])
def test_one_paper_has_one_spelling(typed: str) -> None:
    assert OtherDocument.parse(REFUGEE_ID, typed) == REFUGEE


@pytest.mark.parametrize(
    ("document_type", "typed"),
    [
        (PASSPORT, "AK01234567890"),
        (PASSPORT, "AK012"),
        (PASSPORT, "PASSPORT"),
        (REFUGEE_ID, "KEN000123456789"),
        (REFUGEE_ID, "ÄÖÜ000123"),
        ("library_card", "KEN00012345"),
    ],
)
def test_a_number_of_another_form_is_refused(document_type: str, typed: str) -> None:
    with pytest.raises(InvalidValue):
        OtherDocument.parse(document_type, typed)


def test_its_number_is_not_shown() -> None:
    assert "00012" not in repr(REFUGEE)


@pytest.mark.parametrize("document", [REFUGEE, TRAVELLER])
def test_joining_asks_the_registry_for_this_paper(world: World, document: OtherDocument) -> None:
    world.ask(document=document)
    world.answered(person())
    member = world.joined(document=document)
    assert member.status is Status.ACTIVE
    assert world.registry.asked == [document.number]
    with world.sessions() as session:
        row = session.get_one(MemberRow, member.id)
        assert (row.identifier_type, row.identifier) == (document.type, document.number)
        assert world.members.by_identifier(session, document) == member


def test_the_same_paper_joins_once(world: World) -> None:
    world.joined(document=REFUGEE)
    again = world.join(key="hop-10", phone=OTHER_PHONE, document=REFUGEE)
    assert isinstance(again, AlreadyMember)
    world.ask("hop-11", OTHER_PHONE, REFUGEE)
    with world.sessions() as session:
        assert (
            world.members.identity(session, phone=OTHER_PHONE, document=REFUGEE).state is IdentityState.TAKEN
        )


def test_a_number_alone_is_not_a_paper(world: World) -> None:
    """The same figures on a refugee ID and in a passport are two people until somebody says otherwise."""
    world.joined(document=OtherDocument(REFUGEE_ID, "A1234567"))
    other = world.joined(key="hop-10", phone=OTHER_PHONE, document=OtherDocument(PASSPORT, "A1234567"))
    assert other.number
    with world.sessions() as session:
        types = session.scalars(select(IdentityCheckRow.identifier_type)).all()
    assert sorted(types) == [PASSPORT, REFUGEE_ID]


def test_one_person_with_two_papers_is_looked_at_by_staff(world: World) -> None:
    world.verified_member()
    world.ask("hop-2", OTHER_PHONE, TRAVELLER)
    world.registry.answers.append(person())
    world.look_up.run(world.tasks("identity")[-1])
    twin = world.joined(key="hop-3", phone=OTHER_PHONE, document=TRAVELLER)
    assert twin.status is Status.NEEDS_REVIEW
