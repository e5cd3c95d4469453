"""Refunds while the house has no payouts for their shortcode: only what was not ordered yet may fail."""

import pytest

from core.outbox import Later
from payments.ledger.model import AccountKind
from payments.refunds.refunding import Refunding
from payments.suspense.model import Act, NotPossible
from payments.wallets.payouts import Ordered, OrderKind, OrderOutcome, Payouts
from payments.wallets.protocol import Unknown
from tests.payments.deciding import do, held, lost, wish
from tests.payments.test_payments_refunds import alerts, paid_twice, refund
from tests.payments.test_payments_refunds import wish as ask
from tests.payments.world import HOOKS, World

ANOTHER = "999999"


def run(world: World, payouts: dict[str, Payouts]) -> Later | None:
    """The refund's task in a house that was started with these payouts."""
    [row] = world.tasks("refund")
    return Refunding(world.sessions, payouts, world.clock, hooks=HOOKS).run(world.task(row))


@pytest.mark.parametrize(
    ("order", "state"), [(Ordered("AG_1"), "sent"), (Unknown("timeout"), "unknown")], ids=["sent", "unknown"]
)
def test_what_was_ordered_waits_until_the_wallet_can_be_asked_and_is_paid_once(
    world: World, order: OrderOutcome, state: str
) -> None:
    receipt = lost(world)
    do(world, wish(Act.REFUND, receipt))
    world.payouts.outcomes, world.payouts.loses_results = [order], 1
    world.add_task("refunds", {})
    world.work()
    assert refund(world).state == state

    ours, world.payouts.shortcode = world.payouts.shortcode, ANOTHER
    world.settle(minutes=5)
    assert isinstance(run(world, {}), Later)
    assert (refund(world).state, alerts(world)) == (state, ["refund_unknown"])
    with pytest.raises(NotPossible, match="being refunded"):
        do(world, wish(Act.SUSPEND, receipt))

    world.payouts.shortcode = ours
    world.settle(minutes=15)
    world.hear_of_orders()
    world.settle(minutes=1)
    assert (refund(world).state, alerts(world)) == ("paid", [])
    assert [kind for kind, _ in world.payouts.orders].count(OrderKind.PAYOUT) == 1
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0


def test_an_order_that_a_worker_died_over_is_not_called_failed(world: World) -> None:
    ask(world, paid_twice(world))
    with world.sessions.begin() as session:
        session.merge(refund(world)).state = "sending"
    assert isinstance(run(world, {}), Later)
    assert (refund(world).state, alerts(world)) == ("sending", ["refund_unknown"])


def test_what_turns_out_to_have_failed_is_unknown_no_more(world: World) -> None:
    world.payouts.fails_with = "2001"
    ask(world, paid_twice(world))
    world.work()
    run(world, {})
    assert alerts(world) == ["refund_unknown"]
    world.hear_of_orders()
    world.work()
    assert (refund(world).state, alerts(world)) == ("failed", ["refund_failed"])


def test_what_was_not_ordered_yet_fails_for_staff(world: World) -> None:
    ask(world, paid_twice(world))
    assert run(world, {}) is None
    assert (refund(world).state, alerts(world)) == ("failed", ["refund_failed"])
    assert world.payouts.orders == []
    assert world.proof().refunds_payable_cents == 5000
