"""Delivery reports: in any order, known or not."""

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from members.model import Untold
from messages.model import MessageState
from messages.service import told_at
from messages.tables import DeliveryReportRow
from tests.messages.messages_world import NOON, RECEIPT, World


@pytest.fixture
def sent(world: World) -> World:
    world.send(world.task("receipt", world.member(), RECEIPT))
    return world


@pytest.mark.parametrize("status", ["Success", "SUCCESS", "success"])
def test_a_delivered_sms_is_delivered(sent: World, status: str) -> None:
    assert sent.report(status)
    assert sent.row().state == MessageState.DELIVERED


@pytest.mark.parametrize("status", ["Failed", "Rejected", "rejected"])
def test_a_failed_sms_says_why(sent: World, status: str) -> None:
    sent.report(status, "UserInBlackList")
    row = sent.row()
    assert (row.state, row.failure_reason) == (MessageState.FAILED, "UserInBlackList")


@pytest.mark.parametrize("late", ["Sent", "Submitted", "Buffered", "SomethingNew"])
@pytest.mark.parametrize(("final", "state"), [("Success", "delivered"), ("Failed", "failed")])
def test_a_late_step_never_overwrites_the_end(sent: World, late: str, final: str, state: str) -> None:
    sent.report(late)
    assert sent.row().provider_status == late
    sent.report(final)
    sent.report(late)
    row = sent.row()
    assert (row.state, row.provider_status) == (state, final)


def test_a_delivery_outweighs_a_failure_in_either_order(sent: World) -> None:
    sent.report("Failed", "DeliveryFailure")
    sent.report("Success")
    sent.report("Failed", "DeliveryFailure")
    row = sent.row()
    assert (row.state, row.failure_reason) == (MessageState.DELIVERED, "")


def test_a_report_about_an_unknown_sms_is_kept(world: World) -> None:
    assert not world.report("Success", provider_id="ATXid_nobody")
    with world.sessions() as session:
        assert session.scalars(select(DeliveryReportRow.provider_id)).all() == ["ATXid_nobody"]


def test_a_report_that_overtakes_the_answer_is_applied(world: World) -> None:
    world.report("Success")
    world.send(world.task("receipt", world.member(), RECEIPT))
    assert world.row().state == MessageState.DELIVERED


def test_a_report_and_the_answer_at_the_same_moment_are_both_seen(world: World) -> None:
    task = world.task("receipt", world.member(), RECEIPT)
    ready = threading.Barrier(2)

    def report() -> None:
        ready.wait()
        world.report("Success")

    thread = threading.Thread(target=report)
    thread.start()
    ready.wait()
    world.send(task)
    thread.join()
    assert world.row().state == MessageState.DELIVERED


def test_the_same_report_twice_is_kept_twice_and_counts_once(sent: World) -> None:
    sent.report("Success")
    sent.report("Success")
    with sent.sessions() as session:
        assert session.scalar(select(func.count()).select_from(DeliveryReportRow)) == 2
    assert sent.row().state == MessageState.DELIVERED


def test_the_database_refuses_to_change_a_report(sent: World) -> None:
    sent.report("Success")
    with sent.sessions() as session, pytest.raises(DBAPIError, match="append-only"):
        session.execute(DeliveryReportRow.__table__.delete())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("report", "told"), [("", NOON), ("Success", NOON + timedelta(hours=1)), ("Failed", Untold.NEVER)]
)
def test_when_a_phone_was_told(sent: World, report: str, told: datetime | Untold) -> None:
    sent.clock.pass_time(hours=1)
    if report:
        sent.report(report)
    with sent.sessions() as session:
        assert told_at(session, sent.row().key) == told
        assert told_at(session, "never queued") is Untold.NOT_YET
