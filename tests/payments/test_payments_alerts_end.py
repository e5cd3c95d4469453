"""Every alert ends by itself: what the look-out sees is how things stand, whatever path they took there."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from core import outbox
from core.database import vault_of
from core.phone import PhoneNumber
from payments import intake
from payments.alerts.service import AlertKind, open_alerts, raise_alert
from payments.alerts.tables import Alert
from payments.alerts.watching import Lookout
from payments.model import BreakClass, EvidenceChannel
from payments.order_results import reference_of
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.refunds.tables import Refund
from payments.suspense.model import Act
from tests.payments.conftest import STAFF_PHONES
from tests.payments.deciding import STRANGER, do, lost, wish
from tests.payments.test_payments_refunds import paid_twice
from tests.payments.test_payments_refunds import wish as wish_back
from tests.payments.test_payments_registry_corrections import acknowledged, correction, taken_back
from tests.payments.world import World


def opened(world: World, kind: AlertKind) -> list[Alert]:
    with world.sessions.begin() as session:
        return [alert for alert in open_alerts(session) if alert.kind == kind]


def ordered(world: World) -> None:
    """What was decided to be given back is ordered, and the wallet's word about it heard."""
    with world.sessions.begin() as session:
        outbox.add(session, "refunds", uuid.uuid4().hex, {}, now=world.clock.now())
    world.work()
    world.hear_of_orders()
    world.work()


def failed(world: World) -> Receipt:
    """Money of a stranger that staff decided to give back, and the wallet would not."""
    receipt = lost(world)
    do(world, wish(Act.REFUND, receipt))
    world.payouts.fails_with = "2001"
    ordered(world)
    world.payouts.fails_with = ""
    return receipt


def break_of(world: World, break_class: BreakClass) -> uuid.UUID:
    with world.sessions.begin() as session:
        return session.scalars(select(Break.id).where(Break.break_class == break_class)).one()


def test_a_failed_refund_is_over_once_another_was_paid(world: World, lookout: Lookout) -> None:
    receipt = failed(world)
    assert AlertKind.REFUND_FAILED in world.alerts(lookout)
    world.clock.forward(minutes=1)
    do(world, wish(Act.SUSPEND, receipt))
    do(world, wish(Act.REFUND, receipt))
    ordered(world)
    with world.sessions.begin() as session:
        assert set(session.scalars(select(Refund.state))) == {"failed", "paid"}
    assert AlertKind.REFUND_FAILED not in world.alerts(lookout)


def test_a_refund_that_fails_again_is_one_more_alert(world: World, lookout: Lookout) -> None:
    receipt = failed(world)
    world.clock.forward(minutes=1)
    do(world, wish(Act.SUSPEND, receipt))
    do(world, wish(Act.REFUND, receipt))
    world.payouts.fails_with = "2001"
    ordered(world)
    world.alerts(lookout)
    [alert] = opened(world, AlertKind.REFUND_FAILED)
    with world.sessions.begin() as session:
        newest = session.scalars(select(Refund).order_by(Refund.asked_at.desc())).first()
        assert newest is not None
        assert alert.subject == str(newest.id)


@pytest.mark.parametrize("act", [Act.MATCH, Act.SUSPEND])
def test_a_failed_refund_is_over_once_its_money_went_elsewhere(
    world: World, lookout: Lookout, act: Act
) -> None:
    receipt = failed(world)
    assert AlertKind.REFUND_FAILED in world.alerts(lookout)
    do(world, wish(act, receipt, **({"member_id": world.member().id} if act is Act.MATCH else {})))
    assert AlertKind.REFUND_FAILED not in world.alerts(lookout)


def test_who_was_paid_twice_is_an_alert_until_staff_have_settled_it(world: World, lookout: Lookout) -> None:
    member = paid_twice(world)
    world.payouts.fails_with = "2001"
    wish_back(world, member)
    world.work()
    world.hear_of_orders()
    world.settle(minutes=5)
    with world.sessions.begin() as session:
        found = session.scalars(select(Refund)).one()
        receipt = session.get_one(Receipt, found.receipt_id)
    do(world, wish(Act.MATCH, receipt, member_id=member.id))
    body = {"originator": str(found.id), "conversation": "x", "code": "0", "cents": 5000, "receipt": "F1"}
    world.tell(EvidenceChannel.ORDER_RESULT, json.dumps(body), reference_of("payout", str(found.id)))
    world.work()
    for _ in range(2):
        assert AlertKind.REFUND_PAID_TWICE in world.alerts(lookout)
        assert AlertKind.REFUND_FAILED not in world.alerts(lookout)
        world.reconcile()
    do(world, wish(Act.EXPLAIN, break_id=break_of(world, BreakClass.MISMATCH)))
    assert AlertKind.REFUND_PAID_TWICE not in world.alerts(lookout)


def test_nobody_is_asked_about_a_refund_whose_end_came_meanwhile(world: World, lookout: Lookout) -> None:
    do(world, wish(Act.REFUND, lost(world)))
    ordered(world)
    with world.sessions.begin() as session:
        found = session.scalars(select(Refund)).one()
        assert found.state == "paid"
        # Who asked the wallet had seen it as sent.
        raise_alert(session, AlertKind.REFUND_UNKNOWN, str(found.id), "no end", now=world.clock.now())
    assert AlertKind.REFUND_UNKNOWN not in world.alerts(lookout)


def refused(world: World) -> None:
    acknowledged(world)
    world.registry.refuses = "rjct.reference_id.invalid"
    taken_back(world)
    world.settle(minutes=2)
    world.registry.refuses = ""
    assert correction(world).state == "rejected"


def test_a_refused_correction_is_over_once_staff_have_decided(world: World, lookout: Lookout) -> None:
    refused(world)
    assert AlertKind.CORRECTION_REFUSED in world.alerts(lookout)
    world.reconcile()
    world.clock.forward(minutes=1)
    do(world, wish(Act.EXPLAIN, break_id=break_of(world, BreakClass.REVERSED_AFTER_CREDIT)))
    assert AlertKind.CORRECTION_REFUSED not in world.alerts(lookout)


def test_a_refused_correction_is_over_once_the_registry_has_it(world: World, lookout: Lookout) -> None:
    refused(world)
    assert AlertKind.CORRECTION_REFUSED in world.alerts(lookout)
    with world.sessions.begin() as session:
        session.execute(text("UPDATE registry_corrections SET state = 'acknowledged'"))
    assert AlertKind.CORRECTION_REFUSED not in world.alerts(lookout)


def test_a_refused_correction_calls_for_thirty_days_at_most(world: World, lookout: Lookout) -> None:
    refused(world)
    [alert] = opened(world, AlertKind.CORRECTION_REFUSED)
    world.clock.forward(seconds=(alert.last_at + timedelta(days=30) - world.clock.now()).total_seconds())
    assert AlertKind.CORRECTION_REFUSED in world.alerts(lookout)
    world.clock.forward(seconds=1)
    assert AlertKind.CORRECTION_REFUSED not in world.alerts(lookout)


def told(world: World) -> int:
    return sum(name == "staff_alert" for name in world.messages())


def broken(world: World, monkeypatch: pytest.MonkeyPatch, messages: int) -> list[uuid.UUID]:
    """Messages that a bug keeps from being understood, until their tasks are given up."""

    def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    ids = []
    with monkeypatch.context() as patch:
        patch.setattr(intake, "watch", break_down)
        for _ in range(messages):
            body = json.loads(world.wallet.pay_by_hand(STRANGER, 5000, "x"))
            ids.append(world.confirm(json.dumps(body | {"balance_cents": 5000})))
            world.clock.forward(seconds=1)
        world.settle(minutes=1)
    return ids


def test_one_bug_is_one_alert_for_each_wallet_however_many_messages_it_meets(
    world: World, lookout: Lookout, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = broken(world, monkeypatch, messages=4)
    assert AlertKind.EVIDENCE_FAILED in world.alerts(lookout)
    [alert] = opened(world, AlertKind.EVIDENCE_FAILED)
    assert alert.subject == "mpesa"
    assert alert.times >= len(ids)
    assert alert.detail.startswith("mpesa: RuntimeError, last ")
    assert any(str(id_) in alert.detail for id_ in ids)
    assert told(world) == len(STAFF_PHONES)


def test_messages_that_were_put_back_call_until_the_last_of_them_is_understood(
    world: World, lookout: Lookout, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = broken(world, monkeypatch, messages=2)
    with world.sessions.begin() as session:
        session.execute(text("UPDATE outbox SET state = 'dead' WHERE topic = 'evidence'"))
    assert AlertKind.EVIDENCE_FAILED in world.alerts(lookout)
    for id_ in ids:
        assert AlertKind.EVIDENCE_FAILED in world.alerts(lookout)
        with world.sessions.begin() as session:
            outbox.put_back(session, "evidence", str(id_), now=world.clock.now())
        # Between the two it waits as any other, and has not worked yet.
        assert AlertKind.EVIDENCE_FAILED in world.alerts(lookout)
        world.work("evidence")
        assert world.verdict(id_) == "suspense"
    assert AlertKind.EVIDENCE_FAILED not in world.alerts(lookout)
    assert told(world) <= 2 * len(STAFF_PHONES)


def test_a_wallet_that_works_again_is_not_called_for_what_waits_since(
    world: World, lookout: Lookout, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(world, monkeypatch, messages=1)
    world.settle(minutes=2)
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000112"), 700, "y"))
    assert AlertKind.EVIDENCE_FAILED not in world.alerts(lookout)


def test_what_was_told_is_told_no_more_when_its_tasks_are_forgotten(world: World) -> None:
    with world.sessions.begin() as session:
        lookout = Lookout(
            world.sessions,
            world.clock,
            world.calendar,
            vault_of(session),
            [PhoneNumber(phone) for phone in STAFF_PHONES],
            by_mail=True,
        )
        raise_alert(session, AlertKind.PULL_FAILED, "mpesa:600100", "503", now=world.clock.now())
    world.alerts(lookout)
    assert (told(world), len(world.tasks("alert_mail"))) == (len(STAFF_PHONES), 1)
    with world.sessions.begin() as session:
        now = world.clock.now()
        session.execute(text("UPDATE outbox SET state = 'done', finished_at = :now"), {"now": now})
    world.clock.forward(days=31)
    with world.sessions.begin() as session:
        assert outbox.forget_done(session, before=world.clock.now() - timedelta(days=30)) > 0
    assert AlertKind.PULL_FAILED in world.alerts(lookout)
    assert (told(world), len(world.tasks("alert_mail"))) == (0, 0)
