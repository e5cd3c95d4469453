"""SMS of and to a phone that a membership leaves, or has left."""

from datetime import timedelta

import pytest

from core.outbox import Later
from core.phone import PhoneNumber
from members.model import Member, PhoneChangeState, Status
from members.numbers import NationalId
from members.tables import MemberRow, PhoneChangeRow
from messages.model import MessageState
from messages.provider import SmsRefused, SmsUnknown
from messages.service import told_at
from tests.messages.messages_world import PHONE, RECEIPT, World
from tests.messages.test_messages_receiving import answers, change, change_phone, inbound

NEW = PhoneNumber.parse("0733222111")
NO_CREDIT = SmsRefused("405 InsufficientBalance", permanent=False, alert=True)


def ask_to_move(world: World) -> PhoneChangeRow:
    member = world.member()
    with world.sessions.begin() as session:
        row = session.get_one(MemberRow, member.id)
        row.status, row.birth_date = Status.ACTIVE, "1990-05-04"
    with world.sessions.begin() as session:
        world.members.start_phone_change(
            session,
            key="hop",
            identifier=NationalId("23456789"),
            new_phone=NEW,
            birth_year=1990,
            language="en",
        )
    return only_change(world)


def only_change(world: World) -> PhoneChangeRow:
    with world.sessions() as session:
        return session.query(PhoneChangeRow).one()


def complete(world: World) -> Later | None:
    changed = only_change(world)
    with world.sessions.begin() as session:
        return world.members.phone_changes.complete(session, changed.id, told_at)


def warn(world: World) -> Later | None:
    return world.send(next(task for task in world.queued() if task.payload["template"] == "phone_change_old"))


def moved(world: World) -> Member:
    ask_to_move(world)
    warn(world)
    world.clock.pass_time(hours=24)
    assert complete(world) is None
    assert only_change(world).state == PhoneChangeState.DONE
    with world.sessions() as session:
        found = world.members.by_phone(session, NEW)
    assert found is not None
    return found


def test_who_is_warned_late_has_all_the_hours_of_the_warning(world: World) -> None:
    ask_to_move(world)
    world.provider.answers = [NO_CREDIT]
    assert isinstance(warn(world), Later)
    world.clock.pass_time(hours=40)
    assert warn(world) is None
    world.clock.pass_time(seconds=1)
    later = complete(world)
    assert later == Later(
        timedelta(hours=24).total_seconds() - 1, "the old phone was told later than it was asked"
    )
    world.clock.pass_time(hours=24)
    assert complete(world) is None
    assert only_change(world).state == PhoneChangeState.DONE


def test_the_hours_begin_when_the_warning_reached_the_phone(world: World) -> None:
    ask_to_move(world)
    warn(world)
    world.clock.pass_time(hours=20)
    world.report("Success")
    world.clock.pass_time(hours=4)
    assert isinstance(complete(world), Later)
    world.clock.pass_time(hours=20)
    assert complete(world) is None
    assert only_change(world).state == PhoneChangeState.DONE


def test_a_report_alone_tells_when_a_phone_was_told(world: World) -> None:
    ask_to_move(world)
    world.provider.answers = [SmsUnknown("no answer in time", may_repeat=False, provider_id="ATXid_1")]
    warn(world)
    world.clock.pass_time(hours=2)
    world.report("Sent", "ATXid_1")
    assert world.row().state == MessageState.SENT
    with world.sessions() as session:
        assert told_at(session, world.row().key) == world.clock.now()


@pytest.mark.parametrize("report", ["Submitted", "Buffered"])
def test_a_phone_that_is_off_is_not_told(world: World, report: str) -> None:
    ask_to_move(world)
    warn(world)
    world.report(report)
    world.clock.pass_time(hours=30)
    assert isinstance(complete(world), Later)
    assert only_change(world).state == PhoneChangeState.WAITING
    world.clock.pass_time(hours=20)
    assert complete(world) is None
    assert (only_change(world).state, only_change(world).doubt) == (PhoneChangeState.STAFF, "not_told")


@pytest.mark.parametrize("text", ["STOP", "ACHA", "HELP", "It was not me", "BAL", "YES it was 23456789"])
def test_an_objection_that_comes_too_late_is_read_by_staff(world: World, text: str) -> None:
    moved(world)
    world.receive(text, PHONE)
    assert (answers(world)[-1], inbound(world).answered) == ("phone_change_late", False)


def test_a_month_later_the_phone_may_be_somebody_elses(world: World) -> None:
    moved(world)
    world.clock.pass_time(hours=24 * 31)
    world.receive("HELP", PHONE)
    assert (answers(world)[-1], inbound(world).answered) == ("help_stranger", True)


@pytest.mark.parametrize(
    "text",
    [
        "Where did you get this? It was NOT me",
        "Balance? It was not me who asked",
        "Wapi? Sijaomba kuhama, ni mwizi",
        "BAL si mimi",
        "NDIYO si mimi, piga 0711222333",
        "NDIYO si mimi, piga 0711-222-333",
        "NDIYO si mimi, piga 711222333",
        "Yes? It was NOT me! My ID is 23456789",
        "Refund? No! I never asked to move, my number is 400000018",
    ],
)
def test_what_begins_with_another_keyword_holds_a_change_of_phone(world: World, text: str) -> None:
    world.member()
    change_phone(world)
    world.receive(text, PHONE)
    assert (change(world)[0], inbound(world).answered) == (PhoneChangeState.STAFF, False)


def test_news_that_waited_goes_to_the_phone_that_the_member_has_now(world: World) -> None:
    member = world.member()
    task = world.task("receipt", member, RECEIPT)
    world.provider.answers = [NO_CREDIT]
    assert isinstance(world.send(task), Later)
    moved(world)
    assert world.send(task) is None
    assert world.provider.sent[-1][0] == NEW.e164
