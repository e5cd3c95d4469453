"""Sending: once, in the member's language, and what became of it is kept."""

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import text as sql

from core.errors import InvalidValue
from core.outbox import Later
from members.model import Status
from members.tables import MemberRow
from messages.model import MessageState
from messages.provider import SmsAccepted, SmsRefused, SmsUnknown
from tests.messages.messages_world import PHONE, RECEIPT, STRANGER, Killed, World


def test_a_member_is_told_in_their_language_and_the_status_is_kept(world: World) -> None:
    task = world.task("receipt", world.member("sw"), RECEIPT)
    assert world.send(task) is None
    ((phone, body),) = world.provider.sent
    assert phone == PHONE.e164
    assert "tumepokea KES 50" in body
    assert "22/11 12:00" in body
    row = world.row()
    assert (row.state, row.provider_id, row.provider_status) == (MessageState.SENT, "ATXid_1", "Success")
    assert (row.body, row.parts, row.language, row.resent) == (body, 1, "sw", False)


def test_a_phone_without_a_member_is_told_in_the_language_of_the_task(world: World) -> None:
    world.send(world.task("suspense", STRANGER, RECEIPT, language="sw"))
    ((phone, body),) = world.provider.sent
    assert phone == STRANGER.e164
    assert "Iko salama" in body
    assert world.row().member_id is None


def test_the_same_task_again_is_one_sms(world: World) -> None:
    task = world.task("receipt", world.member(), RECEIPT)
    world.send(task)
    assert world.send(replace(task, attempt=2)) is None
    assert len(world.provider.sent) == 1


def test_phones_and_words_are_not_stored_in_clear(world: World) -> None:
    world.send(world.task("receipt", world.member(), RECEIPT))
    with world.sessions() as session:
        stored = str(session.scalar(sql("SELECT m::text FROM messages m")))
    assert PHONE.wire not in stored
    assert "KES" not in stored


@pytest.mark.parametrize("template", ["receipt", "welcome"])
def test_after_a_crash_in_mid_call_news_that_matters_goes_out_once_more(world: World, template: str) -> None:
    task = world.task(template, world.member(), {**RECEIPT, "number": "412345678"})
    world.provider.answers = [Killed(), Killed()]
    with pytest.raises(Killed):
        world.send(task)
    assert world.row().state == MessageState.SENDING
    with pytest.raises(Killed):
        world.send(replace(task, attempt=2))
    assert world.row().resent
    assert world.send(replace(task, attempt=3)) is None
    assert len(world.provider.sent) == 2
    assert world.row().state == MessageState.UNKNOWN


def test_after_a_crash_in_mid_call_the_rest_is_left_unknown(world: World) -> None:
    task = world.task("prompt_cancelled", world.member(), RECEIPT)
    world.provider.answers = [Killed()]
    with pytest.raises(Killed):
        world.send(task)
    assert world.send(replace(task, attempt=2)) is None
    assert len(world.provider.sent) == 1
    assert world.row().state == MessageState.UNKNOWN


def test_a_refusal_that_passes_is_tried_again_later_and_later(world: World) -> None:
    task = world.task("receipt", world.member(), RECEIPT)
    world.provider.answers = [SmsRefused("501 GatewayError", permanent=False)] * 3
    waits = [world.send(replace(task, attempt=attempt)) for attempt in (1, 2, 3)]
    assert waits == [Later(seconds, "501 GatewayError") for seconds in (15, 30, 60)]
    assert world.row().state == MessageState.QUEUED
    assert world.send(replace(task, attempt=4)) is None
    row = world.row()
    assert (row.state, row.failure_reason, row.resent) == (MessageState.SENT, "", False)


def test_trying_again_ends(world: World) -> None:
    task = world.task("receipt", world.member(), RECEIPT)
    world.provider.answers = [SmsRefused("501 GatewayError", permanent=False)]
    assert world.send(replace(task, attempt=30)) is None
    assert world.row().state == MessageState.FAILED
    assert world.refusals == ["501 GatewayError"]


def test_what_staff_can_put_right_is_tried_until_they_have_and_they_hear_of_it(world: World) -> None:
    task = world.task("receipt", world.member(), RECEIPT)
    no_credit = SmsRefused("405 InsufficientBalance", permanent=False, alert=True)
    world.provider.answers = [no_credit, no_credit]
    assert world.send(task) == Later(15, no_credit.code)
    assert world.send(replace(task, attempt=1000)) == Later(1800, no_credit.code)
    assert world.refusals == [no_credit.code] * 2
    assert world.send(replace(task, attempt=1001)) is None
    assert world.row().state == MessageState.SENT


def test_an_answer_is_not_tried_for_ever(world: World) -> None:
    task = world.task("balance", world.member(), RECEIPT)
    world.provider.answers = [SmsRefused("405 InsufficientBalance", permanent=False, alert=True)]
    assert world.send(replace(task, attempt=30)) is None
    assert world.row().state == MessageState.FAILED


def test_a_permanent_refusal_is_failed_with_its_reason(world: World) -> None:
    task = world.task("receipt", world.member(), RECEIPT)
    world.provider.answers = [SmsRefused("406 UserInBlacklist", permanent=True)]
    assert world.send(task) is None
    row = world.row()
    assert (row.state, row.failure_reason) == (MessageState.FAILED, "406 UserInBlacklist")
    assert row.final_at is not None


def test_no_answer_in_time_repeats_a_receipt_once(world: World) -> None:
    task = world.task("receipt", world.member(), RECEIPT)
    world.provider.answers = [SmsUnknown("no answer", may_repeat=True)] * 2
    assert world.send(task) == Later(300, "no answer")
    assert world.send(replace(task, attempt=2)) is None
    row = world.row()
    assert (row.state, row.resent) == (MessageState.UNKNOWN, True)
    # Of one that may be lost, staff hear.
    assert (world.losses, world.refusals) == (["no answer"], [])


@pytest.mark.parametrize("template", ["plan_reminder", "pin_changed", "enough_today"])
def test_what_is_no_news_of_money_calls_nobody(world: World, template: str) -> None:
    task = world.task(template, world.member(reminders=True), RECEIPT)
    world.provider.answers = [SmsUnknown("no answer", may_repeat=True)] * 2
    world.send(task)
    world.send(replace(task, attempt=2))
    assert (world.row().state, world.losses, world.refusals) == (MessageState.UNKNOWN, [], [])


@pytest.mark.parametrize("status", [Status.DECEASED, Status.CLOSED])
def test_a_reminder_of_a_membership_that_ended_meanwhile_is_withheld(world: World, status: Status) -> None:
    member = world.member(reminders=True)
    with world.sessions.begin() as session:
        session.get_one(MemberRow, member.id).status = status
    assert world.send(world.task("plan_reminder", member, RECEIPT)) is None
    assert (world.provider.sent, world.row().state) == ([], MessageState.WITHHELD)


def test_an_sms_that_went_out_is_sent_once_whatever_words_came_with_it(world: World) -> None:
    """What does not fit into its column would undo that it was sent."""
    long = "Queued\x00 " * 40
    world.provider.answers = [SmsAccepted(f"ATXid_{long}", long, long)]
    assert world.send(world.task("receipt", world.member(), RECEIPT)) is None
    row = world.row()
    assert (row.state, row.resent) == (MessageState.SENT, False)
    assert (len(row.provider_status), len(row.cost)) == (60, 40)


@pytest.mark.parametrize(
    ("template", "may_repeat"), [("prompt_cancelled", True), ("receipt", False), ("plan_reminder", True)]
)
def test_what_is_unknown_is_otherwise_left_alone(world: World, template: str, may_repeat: bool) -> None:
    task = world.task(template, world.member(), RECEIPT)
    world.provider.answers = [SmsUnknown("status code 777", may_repeat=may_repeat, provider_id="ATXid_9")]
    assert world.send(task) is None
    row = world.row()
    assert (row.state, row.provider_id) == (MessageState.UNKNOWN, "ATXid_9")


def test_a_reminder_is_withheld_from_who_said_stop_a_moment_ago(world: World) -> None:
    member = world.member(reminders=True)
    task = world.task("plan_reminder", member, RECEIPT)
    world.receive("STOP")
    assert world.send(task) is None
    assert world.provider.sent == []
    assert world.row().state == MessageState.WITHHELD
    assert world.send(replace(task, attempt=2)) is None


def test_who_refused_reminders_still_gets_receipts(world: World) -> None:
    world.send(world.task("receipt", world.member(reminders=False), RECEIPT))
    assert len(world.provider.sent) == 1


def test_a_task_that_cannot_be_an_sms_says_so(world: World) -> None:
    member = world.member()
    for task in (
        world.task("receipt", member, {}),
        world.task("nonsense", member, RECEIPT),
        world.task("receipt", replace(member, id=uuid.uuid4()), RECEIPT),
    ):
        with pytest.raises(InvalidValue):
            world.send(task)
    assert world.provider.sent == []


def test_every_sms_of_members_can_be_written(world: World) -> None:
    world.member()
    for task in world.queued():
        world.send(task)
    assert "uanachama" in world.provider.sent[0][1]


def test_a_reminder_of_what_is_paid_meanwhile_is_withheld(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = world.member(reminders=True)
    asked: list[uuid.UUID] = []
    monkeypatch.setattr(world.sending, "_lacks_money", lambda _, member_id: asked.append(member_id))
    assert world.send(world.task("plan_reminder", member, RECEIPT)) is None
    assert (world.provider.sent, world.row().state, asked) == ([], MessageState.WITHHELD, [member.id])
