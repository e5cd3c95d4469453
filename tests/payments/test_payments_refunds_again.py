"""Refunds that are asked for again, twice at once, or whose payer somebody forged."""

import json
import threading

from core.phone import PhoneNumber
from payments.ledger.model import AccountKind
from payments.refunds.model import NoRefund, RefundOpened, RefundOutcome
from payments.refunds.service import refund_double
from payments.suspense.model import Act
from tests.payments.deciding import STRANGER, do, held, saved, wish
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
