"""Money of a divided payment that goes back: by the wallet's reversal, or to the payer."""

import pytest

from payments.ledger.model import AccountKind
from payments.model import PaymentState
from payments.suspense.model import Act, NotPossible
from payments.view import statement_of
from tests.payments.deciding import (
    STRANGER,
    do,
    held,
    kept,
    lost,
    saved,
    wish,
)
from tests.payments.divisions import ALL, parts_of, split_wish, workers
from tests.payments.world import World


def test_the_wallet_takes_every_part_back_and_never_more_than_there_was(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (one, 50_000), (other, 30_000)))
    world.settle(minutes=1)
    world.wallet.take_back(receipt.receipt)
    world.confirm(world.wallet.pay_by_hand(STRANGER, 100, "X"))
    world.settle(minutes=2)
    assert kept(world, receipt).reversed_at is not None
    assert [saved(world, member) for member in (one, other)] == [0, 0]
    assert held(world, AccountKind.SUSPENSE) == 100
    assert held(world, AccountKind.WALLET_FLOAT) == -100
    assert world.registry.counts_cents == 0
    assert world.messages().count("reversed") == 2
    with world.sessions.begin() as session:
        assert [line.state for line in statement_of(session, one.id, 5)] == [PaymentState.REVERSED]
    for part in parts_of(world, receipt):
        with pytest.raises(NotPossible, match="reversed"):
            do(world, wish(Act.SUSPEND, part))
    with pytest.raises(NotPossible, match="reversed"):
        do(world, split_wish(receipt, (one, 1)))
    assert world.proof().holds


def test_parts_of_parts_are_taken_back_with_the_rest(world: World) -> None:
    """A rest that was divided further, and a part that was matched: each once, from where it stands."""
    one, other, third = workers(world, 3)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (one, 50_000)))
    do(world, split_wish(parts_of(world, receipt)[-1], (other, 30_000), (third, 20_000)))
    do(world, wish(Act.MATCH, parts_of(world, receipt)[-1], member_id=one.id))
    world.settle(minutes=1)
    assert [saved(world, member) for member in (one, other, third)] == [70_000, 30_000, 20_000]
    world.wallet.take_back(receipt.receipt)
    world.confirm(world.wallet.pay_by_hand(STRANGER, 100, "X"))
    world.settle(minutes=2)
    assert [saved(world, member) for member in (one, other, third)] == [0, 0, 0]
    assert held(world, AccountKind.WALLET_FLOAT) == -100
    assert world.registry.counts_cents == 0
    assert world.messages().count("reversed") == 4
    assert world.proof().holds


def test_after_the_wallet_took_it_back_no_decision_moves_any_part_of_it(world: World) -> None:
    """A rest that was divided, its parts, parts joined again, the whole: whatever is asked, nothing moves."""
    a, b, c = workers(world, 3)
    receipt = lost(world, ALL)
    outer = do(world, split_wish(receipt, (a, 50_000)))
    rest = parts_of(world, receipt)[-1]
    first = do(world, split_wish(rest, (b, 60_000)))
    [_, *joined] = parts_of(world, receipt)
    do(world, wish(Act.UNDO, rest, undoes_id=first.id))
    inner = do(world, split_wish(rest, (b, 30_000), (c, 20_000)))
    [_, _, _, last] = parts = parts_of(world, receipt)
    matched = do(world, wish(Act.MATCH, last, member_id=a.id))
    world.settle(minutes=1)
    world.wallet.take_back(receipt.receipt)
    world.confirm(world.wallet.pay_by_hand(STRANGER, 100, "X"))
    world.settle(minutes=2)
    everyone = [receipt, rest, *joined, *parts]
    assert all(kept(world, one).reversed_at is not None for one in everyone)
    wanted = [
        wish(Act.UNDO, rest, undoes_id=inner.id),
        wish(Act.UNDO, receipt, undoes_id=outer.id),
        wish(Act.UNDO, last, undoes_id=matched.id),
    ]
    for one in everyone:
        wanted += [wish(Act.MATCH, one, member_id=c.id), wish(Act.SUSPEND, one), wish(Act.REFUND, one)]
        wanted += [split_wish(one, (a, 1), (b, 1))]
    for each in wanted:
        with pytest.raises(NotPossible, match="reversed"):
            do(world, each)
    assert [saved(world, member) for member in (a, b, c)] == [0, 0, 0]
    assert held(world, AccountKind.SUSPENSE) == 100
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0
    assert world.proof().holds


def test_what_was_set_aside_for_the_payer_is_taken_back_from_there(world: World) -> None:
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (world.member(), 50_000)))
    do(world, wish(Act.REFUND, parts_of(world, receipt)[-1]))
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 70_000
    world.wallet.take_back(receipt.receipt)
    world.confirm(world.wallet.pay_by_hand(STRANGER, 100, "X"))
    world.settle(minutes=2)
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0
    assert world.payouts.paid == {}
    assert world.proof().holds


def test_a_rest_goes_back_to_the_payers_phone_and_is_never_reversed_whole(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (one, 50_000), (other, 30_000)))
    rest = parts_of(world, receipt)[-1]
    do(world, wish(Act.REFUND, rest))
    world.add_task("refunds", {})
    world.settle(minutes=2)
    world.hear_of_orders()
    world.settle(minutes=2)
    [paid] = world.payouts.paid.values()
    assert (paid.amount.amount_cents, paid.phone) == (40_000, STRANGER)
    assert world.proof().refunded_cents == 40_000
    assert [saved(world, member) for member in (one, other)] == [50_000, 30_000]
    assert world.proof().holds


def test_a_rest_with_cents_is_not_put_where_the_wallet_cannot_pay_it_out(world: World) -> None:
    receipt = lost(world, ALL)
    decision = do(world, split_wish(receipt, (world.member(), 50_050)))
    with pytest.raises(NotPossible, match="cents not sent"):
        do(world, wish(Act.REFUND, parts_of(world, receipt)[-1]), limit_cents=0)
    assert held(world, AccountKind.SUSPENSE) == 69_950
    do(world, wish(Act.UNDO, receipt, undoes_id=decision.id))
    do(world, split_wish(receipt, (world.member(), 50_000)))
    do(world, wish(Act.REFUND, parts_of(world, receipt)[-1]))
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 70_000
