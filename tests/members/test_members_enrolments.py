"""The central registry is told who is enrolled with us and who no longer is: once, in order, read back."""

import uuid
from dataclasses import dataclass, field

import pytest

from core import outbox
from core.outbox import Later, Task
from members.elsewhere import EnrolmentAnswer, EnrolmentLookUp
from members.enrolments import (
    CentralEnrolments,
    EnrolmentNotKept,
    EnrolmentRejected,
    EnrolmentTelling,
    Known,
    NotNow,
    Rejected,
    Taken,
    Telling,
    tell_untold,
)
from members.model import ElsewhereRule, NoticeAnswer, NoticeKind, Standing, Status
from members.notified import finish_notice, keep_notice
from members.tables import (
    EnrolmentCheckRow,
    EnrolmentTellingRow,
    IdentityCheckRow,
    MemberRow,
    RegistryNoticeRow,
)
from tests.members.conftest import POLICY
from tests.members.members_world import NOON, OTHER_ID, OTHER_PHONE, World, person

LOST = NotNow("timeout")
NOT_SENT = NotNow("circuit_open", 15.0)
NO_SUCH_CALL = NotNow("the registry has no such call", no_such_call=True)


@dataclass
class Fund:
    """Keeps what it is told and answers as it is told to. A `LOST` answer is one to what was kept."""

    to_telling: list[Rejected | NotNow | Taken] = field(default_factory=list)
    to_asking: list[Known | NotNow] = field(default_factory=list)
    told: list[tuple[uuid.UUID, str, Standing]] = field(default_factory=list)
    kept: dict[str, Standing] = field(default_factory=dict)
    asked: int = 0

    def tell(self, transaction_id: uuid.UUID, telling: Telling) -> Taken | Rejected | NotNow:
        answer = self.to_telling.pop(0) if self.to_telling else Taken()
        self.told.append((transaction_id, telling.number.digits, telling.standing))
        if answer in (Taken(), LOST):
            self.kept[telling.number.digits] = telling.standing
        return answer

    def known(self, telling: Telling) -> Known | NotNow:
        self.asked += 1
        if self.to_asking:
            return self.to_asking.pop(0)
        return Known(self.kept.get(telling.number.digits) is Standing.ACTIVE)

    @property
    def standings(self) -> list[str]:
        return [standing.value for _, _, standing in self.told]


@pytest.fixture
def fund() -> Fund:
    return Fund()


def newest(world: World) -> Task:
    return max(world.tasks("enrolment"), key=lambda task: task.payload["number"])


def work(world: World, fund: CentralEnrolments | None, task: Task | None = None) -> Later | None:
    task = task or newest(world)
    handler = EnrolmentTelling(world.sessions, fund, world.clock, POLICY.calendar)
    return handler.run(task)


def done(world: World, fund: Fund) -> None:
    """The newest task is worked and finished."""
    assert work(world, fund) is None
    with world.sessions.begin() as session:
        outbox.finish(session, newest(world).id, now=world.clock.now())


def tellings(world: World) -> list[tuple[str, str]]:
    with world.sessions() as session:
        rows = session.query(EnrolmentTellingRow).order_by(EnrolmentTellingRow.number)
        return [(row.standing, row.state) for row in rows]


def decide(world: World, status: Status, *, final: bool = True) -> None:
    with world.sessions.begin() as session:
        world.members.decide_review(
            session, world.member().id, staff="asha", status=status, reason="looked at", final=final
        )


def heard_of_death(world: World) -> uuid.UUID:
    with world.sessions.begin() as session:
        row = session.get_one(MemberRow, world.member().id)
        keep_notice(session, row, NoticeKind.DEATH, "civil", now=world.clock.now())
    decide(world, Status.DECEASED, final=False)
    with world.sessions() as session:
        return session.query(RegistryNoticeRow).one().id


def finished(world: World, notice_id: uuid.UUID, answer: NoticeAnswer) -> None:
    with world.sessions.begin() as session:
        finish_notice(session, notice_id, answer, staff="asha", reason="looked at", now=world.clock.now())


def test_who_joins_verified_is_told_of_and_believed_when_read_back(world: World, fund: Fund) -> None:
    member = world.verified_member()
    task = world.task("enrolment")
    assert tellings(world) == [("active", "waiting")]
    assert work(world, fund) is None
    assert fund.told == [(task.id, member.number.digits, Standing.ACTIVE)]
    assert fund.asked == 1
    assert tellings(world) == [("active", "confirmed")]


def test_who_waits_for_a_name_is_told_of_when_it_is_found(world: World) -> None:
    world.ask()
    world.joined()
    assert world.tasks("enrolment") == []
    world.answered(person())
    assert tellings(world) == [("active", "waiting")]
    assert len(world.tasks("enrolment")) == 1


def test_a_doubtful_member_is_told_of_when_staff_have_ended_the_doubt(world: World) -> None:
    world.ask()
    world.answered(person(alive=False))
    assert world.joined().status is Status.NEEDS_REVIEW
    assert world.tasks("enrolment") == []
    decide(world, Status.ACTIVE)
    assert tellings(world) == [("active", "waiting")]


def test_a_join_sent_twice_and_a_task_worked_twice_tell_once(world: World, fund: Fund) -> None:
    world.verified_member()
    world.join()
    assert len(world.tasks("enrolment")) == 1
    assert [work(world, fund), work(world, fund)] == [None, None]
    assert len(fund.told) == 1


def test_a_death_is_told_when_staff_have_confirmed_it(world: World, fund: Fund) -> None:
    world.verified_member()
    done(world, fund)
    notice = heard_of_death(world)
    assert tellings(world) == [("active", "confirmed")]
    finished(world, notice, NoticeAnswer.CONFIRMED)
    done(world, fund)
    assert fund.standings == ["active", "inactive"]
    assert tellings(world) == [("active", "confirmed"), ("inactive", "confirmed")]


def test_a_mistaken_death_is_never_told(world: World, fund: Fund) -> None:
    world.verified_member()
    done(world, fund)
    finished(world, heard_of_death(world), NoticeAnswer.WRONG)
    assert world.member().status is Status.ACTIVE
    assert tellings(world) == [("active", "confirmed")]


def test_a_doubt_about_somebody_ends_no_enrolment_and_begins_none_again(world: World, fund: Fund) -> None:
    world.verified_member()
    done(world, fund)
    decide(world, Status.NEEDS_REVIEW)
    decide(world, Status.ACTIVE)
    assert tellings(world) == [("active", "confirmed")]


def test_closed_and_opened_again_is_told_each_time(world: World, fund: Fund) -> None:
    world.verified_member()
    done(world, fund)
    for status in (Status.CLOSED, Status.ACTIVE):
        decide(world, status)
        done(world, fund)
    assert fund.standings == ["active", "inactive", "active"]
    assert len({transaction_id for transaction_id, _, _ in fund.told}) == 3


def test_a_doubt_before_it_is_told_withdraws_it_until_staff_have_decided(world: World, fund: Fund) -> None:
    world.verified_member()
    decide(world, Status.NEEDS_REVIEW)
    done(world, fund)
    assert fund.told == []
    assert tellings(world) == [("active", "withdrawn")]
    decide(world, Status.ACTIVE)
    done(world, fund)
    assert fund.standings == ["active"]


def test_who_was_never_told_of_is_not_told_as_gone(world: World, fund: Fund) -> None:
    world.verified_member()
    first = world.task("enrolment")
    decide(world, Status.CLOSED)
    assert isinstance(work(world, fund), Later)
    assert work(world, fund, first) is None
    with world.sessions.begin() as session:
        outbox.finish(session, first.id, now=world.clock.now())
    done(world, fund)
    assert fund.told == []
    assert tellings(world) == [("active", "withdrawn"), ("inactive", "withdrawn")]


def test_a_change_waits_while_an_earlier_one_is_under_way(world: World, fund: Fund) -> None:
    world.verified_member()
    first = world.task("enrolment")
    fund.to_asking = [LOST]
    assert isinstance(work(world, fund), Later)
    decide(world, Status.CLOSED)
    assert work(world, fund) == Later(2.0, "an earlier one of this member is under way")
    assert work(world, fund, first) is None
    with world.sessions.begin() as session:
        outbox.finish(session, first.id, now=world.clock.now())
    done(world, fund)
    assert fund.standings == ["active", "inactive"]
    assert tellings(world) == [("active", "withdrawn"), ("inactive", "confirmed")]


def test_what_was_given_up_and_is_put_back_does_not_undo_what_came_after(world: World, fund: Fund) -> None:
    world.verified_member()
    first = world.task("enrolment")
    fund.to_telling = [Rejected("rjct.person_id.invalid", "not here")]
    with pytest.raises(EnrolmentRejected):
        work(world, fund)
    with world.sessions.begin() as session:
        outbox.bury(session, first.id, "rejected", now=world.clock.now())
    decide(world, Status.CLOSED)
    done(world, fund)
    assert work(world, fund, first) is None
    assert fund.standings == ["active", "inactive"]


def test_a_registry_that_is_away_is_told_later_under_the_same_id(world: World, fund: Fund) -> None:
    world.verified_member()
    fund.to_telling = [NOT_SENT, NOT_SENT]
    assert work(world, fund) == Later(15.0, "circuit_open")
    assert work(world, fund) == Later(15.0, "circuit_open")
    assert work(world, fund) is None
    assert {transaction_id for transaction_id, _, _ in fund.told} == {world.task("enrolment").id}
    assert tellings(world) == [("active", "confirmed")]


def test_what_may_be_there_is_looked_for_before_it_is_told_again(world: World, fund: Fund) -> None:
    world.verified_member()
    fund.to_telling = [LOST]
    assert isinstance(work(world, fund), Later)
    assert work(world, fund) is None
    assert len(fund.told) == 1


def test_a_rejection_is_given_up_with_the_registrys_words(world: World, fund: Fund) -> None:
    world.verified_member()
    fund.to_telling = [Rejected("rjct.person_id.invalid", "not one of ours")]
    with pytest.raises(EnrolmentRejected) as raised:
        work(world, fund)
    assert raised.value.permanent
    assert raised.value.code == "rjct.person_id.invalid: not one of ours"
    assert tellings(world) == [("active", "waiting")]
    # Put back by staff, once the registry has been put right.
    assert work(world, fund) is None
    assert tellings(world) == [("active", "confirmed")]


@pytest.mark.parametrize("says", [False, None])
def test_taken_but_not_kept_is_a_failure_that_is_tried_again(
    world: World, fund: Fund, says: bool | None
) -> None:
    world.verified_member()
    fund.to_asking = [Known(says)]
    with pytest.raises(EnrolmentNotKept) as raised:
        work(world, fund)
    assert not raised.value.permanent
    assert work(world, fund) is None


def test_a_registry_that_cannot_be_asked_is_believed(world: World, fund: Fund) -> None:
    world.verified_member()
    fund.to_asking = [NO_SUCH_CALL]
    assert work(world, fund) is None
    assert tellings(world) == [("active", "taken")]


def test_a_registry_without_the_call_is_told_once_it_has_it(world: World, fund: Fund) -> None:
    world.verified_member()
    fund.to_telling = [NotNow("the registry has no such call", 900.0, no_such_call=True)]
    assert work(world, fund) == Later(900.0, "the registry has no such call")
    assert tellings(world) == [("active", "waiting")]


def asked_about(world: World, state: str) -> None:
    with world.sessions.begin() as session:
        check = session.query(IdentityCheckRow).one()
        session.merge(EnrolmentCheckRow(check_id=check.id, state=state, asked_at=world.clock.now()))


def test_it_is_told_only_when_it_is_known_whether_they_are_enrolled_elsewhere(
    world: World, fund: Fund
) -> None:
    world.verified_member()
    asked_about(world, "waiting")
    assert isinstance(work(world, fund), Later)
    assert fund.told == []
    check_id = world.task("identity").payload["check_id"]
    look_up = EnrolmentLookUp(world.sessions, SaysYes(), world.clock, ElsewhereRule.NOTED)
    assert look_up.run(Task(uuid.uuid4(), "enrolled", "k", {"check_id": check_id}, 1, NOON)) is None
    assert work(world, fund) is None
    assert fund.standings == ["active"]


def test_a_question_that_nobody_answers_holds_it_up_for_a_day_and_no_longer(world: World, fund: Fund) -> None:
    world.verified_member()
    asked_about(world, "waiting")
    world.clock.pass_time(hours=26)
    assert work(world, fund) is None


class SaysYes:
    """A registry that knows everybody."""

    def enrolled(self, _document: object) -> EnrolmentAnswer:
        return EnrolmentAnswer(enrolled=True, source="fund", at=NOON)


def test_a_registry_that_does_not_want_it_is_told_once_it_does(world: World, fund: Fund) -> None:
    first = world.verified_member()
    world.ask("hop-3", OTHER_PHONE, OTHER_ID)
    world.answered(person("Otieno", "Odhiambo"))
    world.joined(key="hop-8", phone=OTHER_PHONE, document=OTHER_ID)
    for task in world.tasks("enrolment"):
        assert work(world, None, task) is None
        with world.sessions.begin() as session:
            outbox.finish(session, task.id, now=world.clock.now())
    assert tellings(world) == [("active", "withdrawn")] * 2
    assert [told_again(world) for _ in range(3)] == [1, 1, 0]
    for task in world.tasks("enrolment"):
        assert work(world, fund, task) is None
    assert len(fund.told) == 2
    assert first.number.digits in {number for _, number, _ in fund.told}
    assert sorted(tellings(world)) == [("active", "confirmed")] * 2 + [("active", "withdrawn")] * 2


def told_again(world: World) -> int:
    with world.sessions.begin() as session:
        return tell_untold(session, limit=1, now=world.clock.now())
