"""The look-out: what must not wait is raised once, told to every phone once, and cleared when it is over."""

from datetime import timedelta

from sqlalchemy import text

from core import outbox
from core.database import vault_of
from core.phone import PhoneNumber
from payments.alerts.service import (
    AlertKind,
    clear_alert,
    open_alerts,
    raise_alert,
    refused_by_sms_provider,
)
from payments.alerts.watching import Lookout
from payments.imports.releasing import held, withdraw
from payments.suspense.model import Act
from tests.payments.conftest import STAFF_PHONES
from tests.payments.deciding import MAKER, do, lost, second, wish
from tests.payments.test_payments_second_look_at_files import given, to
from tests.payments.test_payments_statement_import import statement
from tests.payments.world import World


def told(world: World) -> list[str]:
    return [name for name in world.messages() if name.startswith("staff_")]


def test_a_quiet_house_raises_nothing(world: World, lookout: Lookout) -> None:
    assert world.alerts(lookout) == set()
    assert told(world) == []


def test_money_at_risk_and_old_differences_are_told_once_and_cleared(world: World, lookout: Lookout) -> None:
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 50_000, "WHO"))
    world.settle(minutes=1)
    world.reconcile()
    for _ in range(3):
        assert world.alerts(lookout) == {AlertKind.MONEY_AT_RISK}
    assert told(world) == ["staff_money_at_risk"] * 2
    world.clock.forward(days=8)
    assert AlertKind.OLD_BREAKS in world.alerts(lookout)
    with world.sessions.begin() as session:
        session.execute(text("UPDATE breaks SET state = 'resolved'"))
    assert world.alerts(lookout) & {AlertKind.MONEY_AT_RISK, AlertKind.OLD_BREAKS} == set()


def test_a_trouble_is_mailed_once_and_again_when_it_comes_back(world: World) -> None:
    with world.sessions.begin() as session:
        vault = vault_of(session)
    lookout = Lookout(world.sessions, world.clock, world.calendar, vault, [], by_mail=True)
    for _ in range(2):
        with world.sessions.begin() as session:
            raise_alert(session, AlertKind.PULL_FAILED, "mpesa:600100", "503", now=world.clock.now())
        for _ in range(3):
            world.alerts(lookout)
        world.clock.forward(minutes=5)
        with world.sessions.begin() as session:
            clear_alert(session, AlertKind.PULL_FAILED, "mpesa:600100", now=world.clock.now())
        world.alerts(lookout)
    mails = world.tasks("alert_mail")
    assert [mail.payload["kind"] for mail in mails] == ["pull_failed"] * 2
    assert len({mail.payload["alert_id"] for mail in mails}) == 2
    assert set(mails[0].payload) == {"alert_id", "kind", "raised_at"}


def test_a_statement_that_did_not_come_is_missed_the_next_day(world: World, lookout: Lookout) -> None:
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 500, "WHO"))
    world.settle(minutes=1)
    assert world.alerts(lookout) == set()
    world.clock.forward(days=1, hours=1)
    assert world.alerts(lookout) == {AlertKind.STATEMENT_MISSING}


def test_a_registry_that_answers_nothing_is_missed(world: World, lookout: Lookout) -> None:
    member = world.member()
    world.registry.is_down = True
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 500, member.number))
    world.settle(minutes=2)
    world.clock.forward(seconds=timedelta(hours=1).seconds)
    assert world.alerts(lookout) == {AlertKind.REGISTRY_SILENT}
    world.registry.is_down = False
    world.settle(minutes=3)
    assert world.alerts(lookout) == set()


def test_what_waits_for_a_second_person_for_a_day_is_told(world: World, lookout: Lookout) -> None:
    proposal = do(world, wish(Act.REFUND, lost(world)), limit_cents=0)
    given(world, statement([to(world.member(), "SKZ000001", 5000)]))
    world.clock.forward(seconds=timedelta(hours=24).total_seconds())
    assert AlertKind.SECOND_LOOK_WAITS not in world.alerts(lookout)
    world.clock.forward(seconds=1)
    assert AlertKind.SECOND_LOOK_WAITS in world.alerts(lookout)
    assert told(world).count("staff_second_look") == len(STAFF_PHONES)
    with world.sessions() as session:
        details = {alert.kind: alert.detail for alert in open_alerts(session)}
    assert details[AlertKind.SECOND_LOOK_WAITS] == "2 for more than 24 hours"
    second(world, proposal, approve=False)
    with world.sessions.begin() as session:
        withdraw(session, held(session)[0].id, by=MAKER, now=world.clock.now())
    assert AlertKind.SECOND_LOOK_WAITS not in world.alerts(lookout)


def test_no_phone_is_readable_in_the_outbox(world: World, lookout: Lookout) -> None:
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 50_000, "WHO"))
    world.settle(minutes=1)
    world.reconcile()
    world.alerts(lookout)
    assert not any(
        phone[1:] in str(task.payload) for task in world.tasks("message") for phone in STAFF_PHONES
    )


def test_refused_sms_are_over_when_none_was_refused_for_an_hour(world: World, lookout: Lookout) -> None:
    for _ in range(3):
        with world.sessions.begin() as session:
            refused_by_sms_provider(session, "405 InsufficientBalance", now=world.clock.now())
        world.clock.forward(minutes=31)
        assert world.alerts(lookout) == {AlertKind.SMS_REFUSED}
    world.clock.forward(minutes=31)
    assert world.alerts(lookout) == set()


def test_tasks_that_were_given_up_call_staff_until_they_are_put_back(world: World, lookout: Lookout) -> None:
    with world.sessions.begin() as session:
        outbox.add(session, "message", "hopeless", {"template": "no_such_sms"}, now=world.clock.now())
        session.execute(text("UPDATE outbox SET state = 'dead' WHERE key = 'hopeless'"))
    assert world.alerts(lookout) == {AlertKind.TASKS_GIVEN_UP}
    with world.sessions.begin() as session:
        session.execute(text("UPDATE outbox SET state = 'done' WHERE key = 'hopeless'"))
    assert world.alerts(lookout) == set()
