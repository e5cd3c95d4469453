"""Looking an ID up, before and after joining."""

import threading
from datetime import date

import pytest
from sqlalchemy import select

from core.outbox import Later
from core.phone import PhoneNumber
from members.civil import CivilAnswer, PersonUnknown, RegistryUnavailable, SeveralPersons
from members.documents import Document
from members.model import IdentityState, IdentityView, NoticeAnswer, NoticeKind, Status
from members.notified import finish_notice, keep_notice, open_notices
from members.numbers import NationalId
from members.tables import IdentityCheckRow, MemberRow
from tests.members.members_world import ID, NOON, OTHER_ID, OTHER_PHONE, PHONE, World, person

UNKNOWN = PersonUnknown("civil registry", NOON)
SEVERAL = SeveralPersons("civil registry", NOON)
DEAD = person(alive=False)
MINOR = person(born=date(2008, 11, 23))
SILENT = RegistryUnavailable("timed out")


def view(world: World, phone: PhoneNumber = PHONE, document: Document = ID) -> IdentityView:
    with world.sessions() as session:
        return world.members.identity(session, phone=phone, document=document)


def test_an_answer_shows_a_mask_and_the_year_of_birth(world: World) -> None:
    world.ask()
    assert view(world) == IdentityView(IdentityState.WAITING)
    world.answered(person())
    assert view(world) == IdentityView(IdentityState.FOUND, "W****** M*****", 1990)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (UNKNOWN, IdentityState.UNKNOWN),
        (SEVERAL, IdentityState.SEVERAL),
        (DEAD, IdentityState.DEAD),
        (MINOR, IdentityState.MINOR),
        (person(born=date(2008, 11, 22)), IdentityState.FOUND),
    ],
)
def test_every_answer_has_its_state(world: World, answer: CivilAnswer, state: IdentityState) -> None:
    world.ask()
    world.answered(answer)
    assert view(world).state is state


def test_what_was_found_is_known_in_the_next_session_too(world: World) -> None:
    """Who lost the line at the question for the name is asked the same question again, not an empty one."""
    world.ask("session-1")
    world.answered(DEAD)
    assert view(world).state is IdentityState.DEAD
    world.ask("session-2")
    assert view(world).state is IdentityState.WAITING
    world.answered(person())
    assert view(world) == IdentityView(IdentityState.FOUND, "W****** M*****", 1990)


def test_the_same_hop_asks_once(world: World) -> None:
    world.ask()
    world.ask()
    assert len(world.tasks("identity")) == 1
    world.answered(person())
    assert world.look_up.run(world.task("identity")) is None
    assert world.registry.asked == [ID.digits]


def test_an_id_that_is_a_members_is_taken_and_not_looked_up(world: World) -> None:
    world.verified_member()
    world.ask("hop-2", OTHER_PHONE)
    assert view(world, OTHER_PHONE) == IdentityView(IdentityState.TAKEN)
    assert len(world.tasks("identity")) == 1


def test_the_same_name_and_birth_date_under_another_id_is_a_look_alike(world: World) -> None:
    world.verified_member()
    world.ask("hop-2", OTHER_PHONE, OTHER_ID)
    world.answered(person("Mary Wanjiku", "MWANGI"))
    assert view(world, OTHER_PHONE, OTHER_ID) == IdentityView(IdentityState.LOOK_ALIKE, "M*** M*****", 1990)
    twin = world.joined(key="hop-3", phone=OTHER_PHONE, document=OTHER_ID)
    assert twin.status is Status.NEEDS_REVIEW
    assert twin.name_confirmed
    assert world.told() == ["welcome", "needs_review", "welcome_pending"]


def test_a_silent_registry_is_unavailable_and_asked_again_later_and_later(world: World) -> None:
    world.ask()
    waits = []
    for _ in range(12):
        world.registry.answers.append(SILENT)
        later = world.look_up.run(world.task("identity"))
        assert isinstance(later, Later)
        waits.append(later.seconds)
    assert waits[:4] == [2, 4, 8, 16]
    assert waits[-1] == 900
    assert view(world) == IdentityView(IdentityState.UNAVAILABLE)
    world.answered(person())
    assert view(world).state is IdentityState.FOUND


def test_the_registry_says_itself_when_to_ask_again(world: World) -> None:
    world.ask()
    world.registry.answers.append(RegistryUnavailable("too many requests", retry_seconds=120))
    assert world.look_up.run(world.task("identity")) == Later(120, "too many requests")


def test_an_answer_that_takes_too_long_is_unavailable(world: World) -> None:
    world.ask()
    world.clock.pass_time(seconds=21)
    assert view(world).state is IdentityState.UNAVAILABLE
    assert view(world, OTHER_PHONE).state is IdentityState.UNAVAILABLE


def test_who_never_joined_is_not_looked_up_for_ever(world: World) -> None:
    world.ask()
    world.clock.pass_time(hours=25)
    world.registry.answers.append(SILENT)
    assert world.look_up.run(world.task("identity")) is None


def test_who_joins_days_after_asking_in_vain_is_looked_up_anew(world: World) -> None:
    test_who_never_joined_is_not_looked_up_for_ever(world)
    world.joined(confirmed=False)
    assert len(world.tasks("identity")) == 2
    world.answered(person())
    assert world.member().status is Status.ACTIVE


def test_a_phone_may_ask_about_five_ids_a_day(world: World) -> None:
    for turn in range(5):
        world.ask(f"hop-{turn}", document=NationalId(f"2345678{turn}"))
    world.ask("hop-again", document=NationalId("23456780"))
    assert view(world, document=NationalId("23456780")).state is IdentityState.WAITING
    world.ask("hop-6", document=OTHER_ID)
    assert view(world, document=OTHER_ID) == IdentityView(IdentityState.TOO_MANY)
    world.ask("hop-7", OTHER_PHONE, OTHER_ID)
    assert view(world, OTHER_PHONE, OTHER_ID).state is IdentityState.WAITING
    # The fund's day ends at nine in the evening UTC.
    world.clock.pass_time(hours=12)
    world.ask("hop-8", PHONE, OTHER_ID)
    assert view(world, PHONE, OTHER_ID).state is IdentityState.WAITING


def test_a_pending_member_becomes_active_when_the_answer_comes(world: World) -> None:
    world.ask()
    world.joined(confirmed=False)
    world.registry.answers.append(SILENT)
    assert world.look_up.run(world.task("identity")) is not None
    world.answered(person())
    member = world.member()
    assert member.status is Status.ACTIVE
    assert member.masked_name == "W****** M*****"
    assert world.told() == ["welcome_pending", "verified"]


@pytest.mark.parametrize("answer", [UNKNOWN, SEVERAL, DEAD, MINOR])
def test_a_doubtful_answer_is_for_staff_and_never_a_refusal(world: World, answer: CivilAnswer) -> None:
    world.ask()
    member = world.joined(confirmed=False)
    world.answered(answer)
    assert world.member().status is Status.NEEDS_REVIEW
    assert world.told() == ["welcome_pending", "needs_review"]
    with world.sessions.begin() as session:
        world.members.decide_review(
            session, member.id, staff="asha", status=Status.ACTIVE, reason="saw the card"
        )
    assert world.member().status is Status.ACTIVE


def test_what_staff_decided_is_not_undone_by_a_late_answer(world: World) -> None:
    world.ask()
    member = world.joined(confirmed=False)
    with world.sessions.begin() as session:
        world.members.decide_review(session, member.id, staff="asha", status=Status.CLOSED, reason="wish")
    world.answered(person())
    assert world.member().status is Status.CLOSED
    assert world.told() == ["welcome_pending"]


def test_who_joins_without_having_asked_is_looked_up(world: World) -> None:
    world.joined(confirmed=False)
    world.answered(person())
    assert world.member().status is Status.ACTIVE


def test_an_answer_at_the_moment_of_joining_is_not_lost(world: World) -> None:
    world.ask()
    world.registry.answers.append(person())
    ready = threading.Barrier(2)

    def look_up() -> None:
        ready.wait()
        world.look_up.run(world.task("identity"))

    thread = threading.Thread(target=look_up)
    thread.start()
    ready.wait()
    world.joined(confirmed=False)
    thread.join()
    assert world.member().status is Status.ACTIVE
    assert world.told().count("verified") == 1


def test_no_full_name_is_kept(world: World) -> None:
    world.ask()
    world.answered(person())
    with world.sessions() as session:
        check = session.scalars(select(IdentityCheckRow)).one()
    assert "Wanjiku" not in str(vars(check))


def heard(world: World, kind: NoticeKind, status: Status) -> None:
    with world.sessions.begin() as session:
        row = session.get_one(MemberRow, world.member().id)
        keep_notice(session, row, kind, "civil", now=world.clock.now())
        row.status = status


def finished(world: World, answer: NoticeAnswer) -> None:
    with world.sessions.begin() as session:
        [(notice, _)] = open_notices(session)
        assert finish_notice(
            session, notice.id, answer, staff="asha", reason="looked at", now=world.clock.now()
        )


@pytest.mark.parametrize(
    ("kind", "status", "answer"),
    [
        (NoticeKind.NAME_CHANGE, Status.NEEDS_REVIEW, NoticeAnswer.CONFIRMED),
        (NoticeKind.DEATH, Status.DECEASED, NoticeAnswer.WRONG),
    ],
)
def test_who_was_looked_up_while_a_notice_was_open_is_asked_about_again(
    world: World, kind: NoticeKind, status: Status, answer: NoticeAnswer
) -> None:
    world.ask()
    world.joined()
    heard(world, kind, status)
    world.answered(person())
    assert world.member().status is status
    finished(world, answer)
    assert world.member().status is Status.PENDING_VERIFICATION
    [_, again] = world.tasks("identity")
    world.registry.answers.append(person("Wanjiku Mary", "Otieno"))
    assert world.look_up.run(again) is None
    assert (world.member().status, world.member().masked_name) == (Status.ACTIVE, "W****** O*****")
    assert world.told()[-1] == "verified"
    assert len(world.tasks("enrolment")) == 1


def test_a_look_up_that_still_waits_when_a_notice_is_finished_is_not_asked_twice(world: World) -> None:
    world.ask()
    world.joined()
    heard(world, NoticeKind.DEATH, Status.DECEASED)
    finished(world, NoticeAnswer.WRONG)
    world.answered(person())
    assert world.member().status is Status.ACTIVE
