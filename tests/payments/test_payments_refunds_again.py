"""Refunds that are asked for again, twice at once, after a restore, or whose payer somebody forged."""

import json
import threading
import uuid

from sqlalchemy import delete, select, text

from core.outbox import OutboxRow
from core.phone import PhoneNumber
from payments.ledger.model import AccountKind
from payments.refunds.model import NoRefund, RefundOpened, RefundOutcome
from payments.refunds.service import open_decided, refund_double
from payments.refunds.tables import Refund
from payments.suspense.model import Act
from payments.wallets.protocol import Rejected
from tests.payments.deciding import STRANGER, do, held, lost, saved, wish
from tests.payments.test_payments_refunds import SECOND, paid_twice, refund
from tests.payments.test_payments_refunds import wish as ask
from tests.payments.world import World

FORGER = PhoneNumber("+254799000666")


def test_what_failed_and_was_given_back_leaves_the_savings_again(world: World) -> None:
    member = paid_twice(world)
    world.payouts.fails_with = "2001"
    ask(world, member)
    world.work()
    world.hear_of_orders()
    world.work()
    assert refund(world).state == "failed"
    world.settle(minutes=5)
    receipt = next(one for one in world.receipts() if one.receipt == SECOND)
    do(world, wish(Act.MATCH, receipt, member_id=member.id))
    world.settle(minutes=5)
    assert (saved(world, member), held(world, AccountKind.REFUNDS_PAYABLE)) == (10_000, 0)
    world.payouts.fails_with = ""
    assert isinstance(ask(world, member), RefundOpened)
    world.work()
    world.hear_of_orders()
    world.settle(minutes=5)
    assert len(world.payouts.paid) == 1
    assert (saved(world, member), held(world, AccountKind.REFUNDS_PAYABLE)) == (5000, 0)
    assert world.proof().holds


def test_two_wishes_at_once_leave_one_payment(world: World) -> None:
    member = paid_twice(world)
    first = next(one.receipt for one in world.receipts() if one.receipt != SECOND)
    outcomes: list[RefundOutcome] = []
    is_asked = threading.Event()

    def other() -> None:
        with world.sessions.begin() as session:
            is_asked.set()
            outcomes.append(refund_double(session, member.id, SECOND, now=world.clock.now()))

    thread = threading.Thread(target=other)
    with world.sessions.begin() as session:
        outcomes.append(refund_double(session, member.id, first, now=world.clock.now()))
        thread.start()
        is_asked.wait()
        # Waits for this transaction, whose end it must know.
        thread.join(timeout=0.5)
        assert thread.is_alive()
    thread.join()
    assert isinstance(outcomes[0], RefundOpened)
    assert outcomes[1] == NoRefund("not_double")
    assert saved(world, member) == 5000


def test_a_forged_message_does_not_say_to_whom_is_paid(world: World) -> None:
    """The wallet's own message hides who paid; somebody posts it again with their own number."""
    real = world.wallet.pay_by_hand(STRANGER, 5000, "WHO", payer_mask="2547 ***** 111")
    world.confirm(real)
    world.work("evidence")
    world.confirm(json.dumps(json.loads(real) | {"payer": FORGER.e164}))
    world.work("evidence")
    world.settle(minutes=1)
    [receipt] = world.receipts()
    do(world, wish(Act.REFUND, receipt))
    world.add_task("refunds", {})
    world.settle(minutes=2)
    [paid] = world.payouts.paid.values()
    assert paid.phone == STRANGER


def open_one(world: World) -> uuid.UUID:
    with world.sessions.begin() as session:
        assert open_decided(session, now=world.clock.now()) == 1
        return session.scalars(select(Refund.id).where(Refund.state == "requested")).one()


def forget_refunds(world: World) -> None:
    """As a house that was restored from before they were opened."""
    with world.sessions.begin() as session:
        session.execute(delete(Refund))
        session.execute(delete(OutboxRow).where(OutboxRow.topic == "refund"))


def test_a_restored_house_opens_the_same_refund_and_the_wallet_pays_it_once(world: World) -> None:
    do(world, wish(Act.REFUND, lost(world)))
    world.payouts.loses_results = 1
    first = open_one(world)
    world.work()
    assert list(world.payouts.paid) == [str(first)]
    forget_refunds(world)
    world.clock.forward(minutes=1)
    assert open_one(world) == first
    world.settle(minutes=2)
    world.hear_of_orders()
    world.work()
    assert (refund(world).state, len(world.payouts.paid)) == ("paid", 1)
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0


def test_each_refund_after_one_that_failed_has_an_id_of_its_own_and_a_restored_house_the_same(
    world: World,
) -> None:
    def tried_again() -> list[uuid.UUID]:
        ids = []
        for _ in range(3):
            world.clock.forward(minutes=1)
            do(world, wish(Act.REFUND, receipt))
            world.payouts.outcomes = [Rejected("401.002.01", "no such initiator", alert=True)]
            ids.append(open_one(world))
            world.work()
            world.clock.forward(minutes=1)
            do(world, wish(Act.SUSPEND, receipt))
        return ids

    receipt = lost(world)
    first = tried_again()
    assert len(set(first)) == 3
    forget_refunds(world)
    assert tried_again() == first


def test_refunds_of_two_payments_have_two_ids(world: World) -> None:
    lost(world)
    lost(world)
    for receipt in world.receipts():
        do(world, wish(Act.REFUND, receipt))
    with world.sessions.begin() as session:
        assert open_decided(session, now=world.clock.now()) == 2


def test_what_was_tried_of_a_receipt_is_looked_up(world: World) -> None:
    """Also what failed, on each page of a payment: with many refunds all of them would be read for it."""
    tried = select(Refund).where(Refund.receipt_id == uuid.uuid4()).order_by(Refund.asked_at)
    with world.sessions() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        asked = tried.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        plan = "\n".join(session.scalars(text(f"EXPLAIN {asked}")))
    assert "ix_refunds_receipt" in plan
    assert "Seq Scan" not in plan
