"""Enrolled in another programme already: asked before the join, never waited for, and no ground to refuse."""

from dataclasses import dataclass, replace

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from core.outbox import Later
from core.vault import Vault
from members.documents import Document, number_of
from members.elsewhere import EnrolmentAnswer, EnrolmentLookUp, NoEnrolmentAnswer, hear
from members.look_up import IdentityLookUp
from members.model import AlreadyMember, ElsewhereRule, Enrolment, Status
from members.pins import Pins, pin_hasher
from members.service import Members
from members.tables import EnrolmentCheckRow
from tests.members.conftest import POLICY
from tests.members.members_world import ID, NOON, OTHER_PHONE, HandClock, Registry, World, person

YES = EnrolmentAnswer(enrolled=True, source="fund", at=NOON)
AWAY = NoEnrolmentAnswer("timeout")


@dataclass
class Enrolments:
    """Answers what it was told to."""

    answers: list[EnrolmentAnswer | NoEnrolmentAnswer]

    def enrolled(self, document: Document) -> EnrolmentAnswer | NoEnrolmentAnswer:
        assert number_of(document) == ID.digits
        return self.answers.pop(0)


def world_under(rule: ElsewhereRule, engine: Engine, sessions: sessionmaker[Session], vault: Vault) -> World:
    clock, policy = HandClock(), replace(POLICY, elsewhere=rule)
    pins = Pins(b"pepper-of-the-tests", pin_hasher(time_cost=1, memory_kib=8), clock)
    members, registry = Members(vault, clock, pins, policy), Registry(engine)
    look_up = IdentityLookUp(sessions, registry, members.indexes, clock, policy)
    return World(sessions, members, clock, registry, look_up)


@pytest.fixture
def strict(engine: Engine, sessions: sessionmaker[Session], vault: Vault) -> World:
    return world_under(ElsewhereRule.REVIEW, engine, sessions, vault)


@pytest.fixture
def lenient(engine: Engine, sessions: sessionmaker[Session], vault: Vault) -> World:
    return world_under(ElsewhereRule.NOTED, engine, sessions, vault)


def look(
    world: World, rule: ElsewhereRule, *answers: EnrolmentAnswer | NoEnrolmentAnswer
) -> list[Later | None]:
    handler = EnrolmentLookUp(world.sessions, Enrolments(list(answers)), world.clock, rule)
    return [handler.run(world.task("enrolled")) for _ in answers]


def kept(world: World) -> EnrolmentCheckRow:
    with world.sessions() as session:
        return session.query(EnrolmentCheckRow).one()


def test_nobody_is_asked_about_where_the_fund_does_not_want_to_know(world: World) -> None:
    world.verified_member()
    assert world.tasks("enrolled") == []


def test_a_yes_is_kept_with_its_source_and_time_and_changes_nothing(lenient: World) -> None:
    lenient.ask()
    look(lenient, ElsewhereRule.NOTED, YES)
    lenient.answered(person())
    assert lenient.joined().status is Status.ACTIVE
    row = kept(lenient)
    assert (row.state, row.source, row.answered_at) == (Enrolment.YES, "fund", NOON)


def test_under_the_other_rule_staff_look_and_the_member_is_one_meanwhile(strict: World) -> None:
    strict.ask()
    look(strict, ElsewhereRule.REVIEW, YES)
    strict.answered(person())
    member = strict.joined()
    assert member.status is Status.NEEDS_REVIEW
    assert member.masked_name
    assert sorted(strict.told()) == ["needs_review", "welcome_pending"]


def test_an_answer_after_the_join_counts_as_well(strict: World) -> None:
    assert strict.verified_member().status is Status.ACTIVE
    look(strict, ElsewhereRule.REVIEW, YES)
    assert strict.member().status is Status.NEEDS_REVIEW
    assert "needs_review" in strict.told()


def test_it_is_weighed_when_the_name_is_found_later(strict: World) -> None:
    strict.ask()
    look(strict, ElsewhereRule.REVIEW, YES)
    assert strict.joined().status is Status.PENDING_VERIFICATION
    strict.answered(person())
    assert strict.member().status is Status.NEEDS_REVIEW


@pytest.mark.parametrize("enrolled", [False, None])
def test_a_no_or_neither_is_no_doubt(strict: World, enrolled: bool | None) -> None:
    strict.verified_member()
    look(strict, ElsewhereRule.REVIEW, replace(YES, enrolled=enrolled))
    assert strict.member().status is Status.ACTIVE


def test_a_registry_that_is_away_holds_up_nobody_and_is_asked_again(strict: World) -> None:
    strict.ask()
    [first] = look(strict, ElsewhereRule.REVIEW, AWAY)
    assert first == Later(2.0, "timeout")
    strict.answered(person())
    assert strict.joined().status is Status.ACTIVE
    strict.clock.pass_time(hours=25)
    assert look(strict, ElsewhereRule.REVIEW, AWAY) == [None]
    assert kept(strict).state == Enrolment.UNKNOWN


def test_a_registry_without_this_call_is_asked_once(strict: World) -> None:
    strict.verified_member()
    assert look(strict, ElsewhereRule.REVIEW, NoEnrolmentAnswer("no such call", final=True)) == [None]
    assert kept(strict).state == Enrolment.UNKNOWN
    assert strict.member().status is Status.ACTIVE


def hears(world: World, rule: ElsewhereRule, *, enrolled: bool) -> bool:
    """The registry tells unasked."""
    with world.sessions.begin() as session:
        now = world.clock.now()
        return hear(session, world.member().id, enrolled=enrolled, source="fund", rule=rule, now=now)


def test_what_is_told_unasked_is_weighed_as_an_answer_is(strict: World) -> None:
    strict.verified_member()
    assert hears(strict, ElsewhereRule.REVIEW, enrolled=True)
    assert strict.member().status is Status.NEEDS_REVIEW
    assert strict.told().count("needs_review") == 1
    assert not hears(strict, ElsewhereRule.REVIEW, enrolled=True)
    # The question that was under way is answered by it.
    assert look(strict, ElsewhereRule.REVIEW, replace(YES, enrolled=False)) == [None]
    assert kept(strict).state == Enrolment.YES


def test_what_is_told_unasked_is_only_noted_where_that_is_the_rule(lenient: World) -> None:
    lenient.verified_member()
    assert hears(lenient, ElsewhereRule.NOTED, enrolled=True)
    assert lenient.member().status is Status.ACTIVE
    row = kept(lenient)
    assert (row.state, row.source, row.answered_at) == (Enrolment.YES, "fund", lenient.clock.now())


def test_where_the_fund_does_not_want_to_know_nothing_told_is_kept(world: World) -> None:
    world.verified_member()
    assert not hears(world, ElsewhereRule.IGNORED, enrolled=True)
    with world.sessions() as session:
        assert session.query(EnrolmentCheckRow).count() == 0


def test_an_answer_counts_once(strict: World) -> None:
    strict.verified_member()
    look(strict, ElsewhereRule.REVIEW, YES, replace(YES, enrolled=False))
    assert kept(strict).state == Enrolment.YES


def test_of_a_members_own_id_it_is_not_asked_again(strict: World) -> None:
    """Neither when they try to join once more, nor when they move to another phone."""
    strict.verified_member()
    assert len(strict.tasks("enrolled")) == 1
    strict.ask("hop-20", OTHER_PHONE)
    assert isinstance(strict.join("hop-21", OTHER_PHONE), AlreadyMember)
    with strict.sessions.begin() as session:
        strict.members.start_phone_change(
            session, key="hop-22", identifier=ID, new_phone=OTHER_PHONE, birth_year=1990, language="en"
        )
    assert len(strict.tasks("enrolled")) == 1
    assert len(strict.tasks("enrolment")) == 1
    assert strict.member().status is Status.ACTIVE
