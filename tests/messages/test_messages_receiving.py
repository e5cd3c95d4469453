"""SMS to us: understood by their first word, answered once."""

import pytest
from sqlalchemy import select

from core.outbox import OutboxRow
from core.phone import PhoneNumber
from members.model import PhoneChangeState, Purpose, Status
from members.notices import USUAL_LANGUAGE
from members.numbers import NationalId
from members.tables import MemberRow, PhoneChangeRow
from messages.model import Keyword
from messages.receiving import ANSWERS_PER_DAY_MAX
from messages.tables import InboundMessageRow
from tests.messages.messages_world import PHONE, STRANGER, World


def answers(world: World) -> list[str]:
    """What was queued after the welcome."""
    return [t.payload["template"] for t in world.queued() if t.payload["template"] != "welcome_pending"]


def inbound(world: World) -> InboundMessageRow:
    with world.sessions() as session:
        return session.scalars(select(InboundMessageRow)).one()


@pytest.mark.parametrize(
    "text", ["ACHA", "acha", " Acha. ", "STOP", "stop it please", "\nStop!", "“Stop”", "Simamisha"]
)
def test_stop_ends_reminders_in_either_language(world: World, text: str) -> None:
    member = world.member(reminders=True)
    assert world.receive(text) is Keyword.STOP
    with world.sessions() as session:
        consents = world.members.current_consents(session, member.id)
    assert consents == {Purpose.SAVING: True, Purpose.REMINDERS: False}
    assert answers(world) == ["stop_done"]


@pytest.mark.parametrize("text", ["MSAADA", "msaada", "HELP", "Help?", "Usaidizi"])
def test_help_helps(world: World, text: str) -> None:
    world.member()
    assert world.receive(text) is Keyword.HELP
    assert answers(world) == ["help"]


@pytest.mark.parametrize("text", ["BAL", "bal.", "Salio", "balance please"])
def test_a_member_who_asks_for_the_balance_gets_it_from_the_room_that_knows(world: World, text: str) -> None:
    member = world.member()
    assert world.receive(text) is Keyword.BALANCE
    assert answers(world) == []
    with world.sessions() as session:
        asked = session.scalars(select(OutboxRow).where(OutboxRow.topic == "balance")).one()
    assert asked.payload == {"member_id": str(member.id)}


@pytest.mark.parametrize("text", ["BAL", "HELP", "REFUND", "risiti"])
def test_a_stranger_is_told_how_to_join_and_nothing_of_a_balance(world: World, text: str) -> None:
    world.receive(text, STRANGER)
    assert [task.payload["template"] for task in world.queued()] == ["help_stranger"]


@pytest.mark.parametrize("text", ["REFUND SFF6XYZ12X", "rejesha sff6xyz12x", "RECEIPT SFF6XYZ12X"])
def test_what_a_stranger_says_of_a_payment_is_for_staff(world: World, text: str) -> None:
    world.receive(text, STRANGER)
    assert [task.payload["template"] for task in world.queued()] == ["claim_staff"]
    assert not inbound(world).answered


def test_a_stranger_who_writes_no_word_of_ours_is_answered_in_the_countrys_language(world: World) -> None:
    world.receive("salo", STRANGER)
    (task,) = world.queued()
    assert task.payload["language"] == USUAL_LANGUAGE


@pytest.mark.parametrize("text", ["", "   ", "nilituma pesa jana", "STOPPED", "?", "💰"])
def test_what_is_not_understood_is_answered_and_kept_for_staff(world: World, text: str) -> None:
    world.member()
    assert world.receive(text) is Keyword.UNKNOWN
    assert answers(world) == ["unknown_keyword"]
    assert not inbound(world).answered
    assert inbound(world).text == text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Help! I sent 500 by mistake", "help"),
        ("Msaada! nimetuma 500 kwa makosa", "help"),
        ("STOP 500", "stop_done"),
        ("Stop stealing my money, I paid and nothing came", "stop_done"),
        ("Simamisha wizi wa pesa zangu", "stop_done"),
    ],
)
def test_a_word_of_ours_that_begins_a_longer_message_is_obeyed_and_read_by_staff(
    world: World, text: str, answer: str
) -> None:
    world.member()
    world.receive(text)
    assert answers(world) == [answer]
    assert not inbound(world).answered


@pytest.mark.parametrize("text", ["HELP", "msaada tafadhali", "help me please", "STOP", "Simamisha"])
def test_staff_read_no_word_that_stands_alone(world: World, text: str) -> None:
    world.member()
    world.receive(text)
    assert inbound(world).answered


def test_who_calls_for_help_and_gets_no_more_answers_today_is_read_by_staff(world: World) -> None:
    world.member()
    for turn in range(ANSWERS_PER_DAY_MAX + 1):
        world.receive("HELP", provider_id=f"in-{turn}")
    assert sorted(answers(world)) == ["enough_today", *["help"] * ANSWERS_PER_DAY_MAX]
    with world.sessions() as session:
        rows = session.scalars(select(InboundMessageRow).order_by(InboundMessageRow.id)).all()
    assert [row.answered for row in rows] == [True] * ANSWERS_PER_DAY_MAX + [False]


def test_the_same_sms_again_is_answered_once(world: World) -> None:
    world.member()
    world.receive("HELP")
    assert world.receive("HELP") is None
    assert answers(world) == ["help"]


def test_a_stranger_is_answered_in_the_language_they_wrote(world: World) -> None:
    world.receive("msaada", STRANGER)
    (task,) = world.queued()
    world.send(task)
    assert world.provider.sent[0][0] == STRANGER.e164
    assert "kujiunga" in world.provider.sent[0][1]


def test_a_stranger_who_says_stop_changes_nobodys_consent(world: World) -> None:
    member = world.member(reminders=True)
    world.receive("STOP", STRANGER)
    with world.sessions() as session:
        assert world.members.current_consents(session, member.id)[Purpose.REMINDERS]


def test_a_sender_without_a_number_is_kept_and_not_answered(world: World) -> None:
    assert world.receive("You have won", None) is Keyword.UNKNOWN
    assert world.queued() == []
    assert inbound(world).sender == "SAFARICOM"


def change_phone(world: World) -> None:
    """Somebody asks to move the usual member's membership to another phone."""
    with world.sessions.begin() as session:
        member = session.scalars(select(MemberRow)).one()
        member.status, member.birth_date = Status.ACTIVE, "1990-05-17"
        session.flush()
        world.members.start_phone_change(
            session,
            key="hop-5",
            identifier=NationalId("23456789"),
            new_phone=PhoneNumber.parse("0733222111"),
            birth_year=1990,
            language="en",
        )
    world.clock.pass_time(minutes=1)


def change(world: World) -> tuple[str, str]:
    with world.sessions() as session:
        row = session.scalars(select(PhoneChangeRow)).one()
        return row.state, row.doubt


def test_stop_from_the_old_phone_stops_a_change_of_phone_and_nothing_else(world: World) -> None:
    """It answers what was asked; of reminders nothing was said."""
    member = world.member(reminders=True)
    change_phone(world)
    world.receive("acha", PHONE)
    assert answers(world) == [
        "phone_change_new",
        "phone_change_old",
        "phone_change_stopped",
        "phone_change_stopped",
    ]
    assert change(world)[0] == PhoneChangeState.STOPPED
    with world.sessions() as session:
        assert world.members.current_consents(session, member.id)[Purpose.REMINDERS]


@pytest.mark.parametrize(
    "text",
    [
        "NO",
        "Hapana!",
        "si mimi",
        "Please STOP",
        "Tafadhali acha",
        "sijui",
        "YES",
        "HELP",
        "msaada jamani",
        "Sijaomba, pesa yangu iko wapi",
        "?",
    ],
)
def test_whatever_else_the_old_phone_writes_has_staff_decide_the_change(world: World, text: str) -> None:
    """Who knows an ID and a year of birth must not win because their victim did not find the word."""
    world.member()
    change_phone(world)
    world.receive(text, PHONE)
    assert change(world) == (PhoneChangeState.STAFF, "answered")
    assert answers(world)[2:] == ["phone_change_held"]
    assert not inbound(world).answered


@pytest.mark.parametrize("text", ["BAL", "WAPI", "RISITI SFF6XYZ12X", "YES SFF6XYZ12X"])
def test_what_asks_for_something_else_is_no_answer_to_a_change_of_phone(world: World, text: str) -> None:
    world.member()
    change_phone(world)
    world.receive(text, PHONE)
    assert change(world)[0] == PhoneChangeState.WAITING


def test_stop_after_an_answer_that_was_not_understood_stops_the_change(world: World) -> None:
    world.member()
    change_phone(world)
    world.receive("SI MIMI", PHONE)
    world.receive("ACHA", PHONE, provider_id="in-2")
    assert change(world)[0] == PhoneChangeState.STOPPED


def test_machines_that_answer_each_other_fall_silent(world: World) -> None:
    world.member()
    for turn in range(12):
        world.receive("I am a machine", provider_id=f"in-{turn}")
    assert sorted(answers(world)) == ["enough_today", *["unknown_keyword"] * 10]


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        ("Where is the 5000 I sent twice by mistake? please call me", False),
        ("Where is the money that my sister sent me last week", False),
        ("Balance is wrong, somebody took it from me", False),
        ("Where is my money please", True),
        ("Salio tafadhali", True),
        # A PIN is nothing for staff to read.
        ("SALIO 4821", True),
    ],
)
def test_more_than_a_question_about_money_can_answer_is_read_by_staff_too(
    world: World, text: str, answered: bool
) -> None:
    world.member()
    world.receive(text)
    assert inbound(world).answered is answered
