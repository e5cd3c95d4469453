"""The look-out: what must not wait is raised once, told to every phone once, and cleared when it is over."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.database import vault_of
from core.outbox import Task
from core.phone import PhoneNumber
from payments.alerts.service import AlertKind, open_alerts
from payments.alerts.watching import Limits, Lookout
from tests.payments.world import START, World

PHONES = ["+254712000901", "+254712000902"]


@pytest.fixture
def lookout(world: World) -> Lookout:
    with world.sessions.begin() as session:
        vault = vault_of(session)
    limits = Limits(at_risk_cents=10_000)
    return Lookout(world.sessions, world.clock, world.calendar, vault, PHONES, limits)


def kinds(world: World, lookout: Lookout) -> set[str]:
    lookout.run(Task(uuid.uuid4(), "alerts", "k", {}, 1, START))
    with world.sessions.begin() as session:
        return {alert.kind for alert in open_alerts(session)}


def told(world: World) -> list[str]:
    return [name for name in world.messages() if name.startswith("staff_")]


def test_a_quiet_house_raises_nothing(world: World, lookout: Lookout) -> None:
    assert kinds(world, lookout) == set()
    assert told(world) == []


def test_money_at_risk_and_old_differences_are_told_once_and_cleared(world: World, lookout: Lookout) -> None:
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 50_000, "WHO"))
    world.settle(minutes=1)
    world.reconcile()
    for _ in range(3):
        assert kinds(world, lookout) == {AlertKind.MONEY_AT_RISK}
    assert told(world) == ["staff_money_at_risk"] * 2
    world.clock.forward(days=8)
    assert AlertKind.OLD_BREAKS in kinds(world, lookout)
    with world.sessions.begin() as session:
        session.execute(text("UPDATE breaks SET state = 'resolved'"))
    assert kinds(world, lookout) & {AlertKind.MONEY_AT_RISK, AlertKind.OLD_BREAKS} == set()


def test_a_statement_that_did_not_come_is_missed_the_next_day(world: World, lookout: Lookout) -> None:
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 500, "WHO"))
    world.settle(minutes=1)
    assert kinds(world, lookout) == set()
    world.clock.forward(days=1, hours=1)
    assert kinds(world, lookout) == {AlertKind.STATEMENT_MISSING}


def test_a_registry_that_answers_nothing_is_missed(world: World, lookout: Lookout) -> None:
    member = world.member()
    world.registry.is_down = True
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 500, member.number))
    world.settle(minutes=2)
    world.clock.forward(seconds=timedelta(hours=1).seconds)
    assert kinds(world, lookout) == {AlertKind.REGISTRY_SILENT}
    world.registry.is_down = False
    world.settle(minutes=3)
    assert kinds(world, lookout) == set()


def test_no_phone_is_readable_in_the_outbox(world: World, lookout: Lookout) -> None:
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 50_000, "WHO"))
    world.settle(minutes=1)
    world.reconcile()
    kinds(world, lookout)
    assert not any(phone[1:] in str(task.payload) for task in world.tasks("message") for phone in PHONES)
