"""A refund of ours on the wallet's lists is in the books once, whoever tells or books what first."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from payments.ledger.model import AccountKind
from payments.model import EvidenceChannel
from payments.receipts.tables import Receipt
from payments.refunds.tables import Refund
from payments.suspense.model import Act, NotPossible
from payments.suspense.tables import Decision
from payments.wallet_lines.unbooked import hold_movements
from payments.wallets.protocol import LineKind
from tests.databases import is_kept_waiting
from tests.end_to_end.waiting import wait_for
from tests.payments.deciding import STRANGER, do, held, wish
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.test_payments_refunds import paid_twice, refund, to_refunds
from tests.payments.test_payments_refunds import wish as ask
from tests.payments.test_payments_unbooked_lines import (
    BACK,
    apply,
    float_cents,
    found,
    gap,
    paid,
    tell,
    transfers,
    unbooked,
)
from tests.payments.world import START, World


def payout_ordered(world: World) -> str:
    """A double payment of 5,000 is on its way back to its member; the code of the payout, which the wallet is
    still to tell.
    """
    ask(world, paid_twice(world))
    world.work()
    return code_to_be_told(world)


def reversal_ordered(world: World) -> str:
    """The wallet is to reverse a payment of 5,000 whose payer nobody knows; the code under which it does so,
    which it is still to tell. Its list is told by hand.
    """
    world.wallet.is_down = True
    world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, "nobody", payer_mask="2547 ***** 111"))
    world.work()
    to_refunds(world)
    world.write("refunds", world.member())
    world.work()
    tell(world, LineKind.CREDIT, 5000, world.receipts()[0].receipt)
    return code_to_be_told(world)


def code_to_be_told(world: World) -> str:
    [(_, _, body, _)] = world.payouts.news
    return str(json.loads(body)["receipt"])


def hear(world: World) -> None:
    world.hear_of_orders()
    world.work("evidence")


def call_failed(world: World) -> None:
    """The order is called failed, long before its line: nobody knows what that is."""
    with world.sessions.begin() as session:
        failed = session.scalars(select(Refund)).one()
        failed.state, failed.finished_at = "failed", world.clock.now() - timedelta(hours=1)


def test_what_staff_booked_and_was_a_payout_is_booked_as_that_alone(world: World) -> None:
    code = payout_ordered(world)
    world.pull()
    call_failed(world)
    world.clock.forward(minutes=2)
    assert unbooked(world) == [(code, "open", 5000)]
    booked = do(world, wish(Act.BOOK_COST, break_id=found(world).id))
    assert (float_cents(world), held(world, AccountKind.CHARGES)) == (5000, -5000)
    hear(world)
    assert refund(world).payout_receipt == code
    assert (float_cents(world), held(world, AccountKind.CHARGES), gap(world)) == (5000, 0, 0)
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0
    assert unbooked(world) == [(code, "resolved", 5000)]
    with pytest.raises(NotPossible, match="not booked now"):
        do(world, wish(Act.UNDO, break_id=booked.break_id, undoes_id=booked.id))


def test_what_staff_booked_and_was_a_reversal_for_us_is_booked_as_that_alone(world: World) -> None:
    code = reversal_ordered(world)
    tell(world, LineKind.REVERSAL, -5000, code, source=EvidenceChannel.PULL)
    call_failed(world)
    assert unbooked(world) == [(code, "open", 5000)]
    booked = do(world, wish(Act.BOOK_COST, break_id=found(world).id))
    assert (float_cents(world), held(world, AccountKind.CHARGES)) == (0, -5000)
    hear(world)
    assert refund(world).payout_receipt == code
    assert (float_cents(world), held(world, AccountKind.CHARGES), gap(world)) == (0, 0, 0)
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0
    assert unbooked(world) == [(code, "resolved", 5000)]
    with pytest.raises(NotPossible, match="not booked now"):
        do(world, wish(Act.UNDO, break_id=booked.break_id, undoes_id=booked.id))


def test_a_payment_that_the_wallet_reversed_for_us_is_none_on_a_list_that_does_not_name_it(
    world: World,
) -> None:
    code = reversal_ordered(world)
    hear(world)
    assert (refund(world).way, refund(world).state) == ("reversal", "paid")
    tell(world, LineKind.REVERSAL, -5000, code, source=EvidenceChannel.PULL)
    assert unbooked(world) == []


def test_nor_is_one_whose_reversal_is_ordered_and_not_told_yet(world: World) -> None:
    code = reversal_ordered(world)
    tell(world, LineKind.REVERSAL, -5000, code, source=EvidenceChannel.PULL)
    assert unbooked(world) == []
    # Another amount is not ours, nor is what names a payment that is not.
    tell(world, LineKind.REVERSAL, -4000, BACK, source=EvidenceChannel.PULL)
    tell(world, LineKind.REVERSAL, -5000, "SKLBACK002", "SKLANOTHER")
    assert unbooked(world) == [(BACK, "open", 4000), ("SKLBACK002", "open", 5000)]
    hear(world)
    # With its code known it explains no other line.
    tell(world, LineKind.REVERSAL, -5000, "SKLBACK003", source=EvidenceChannel.PULL)
    assert [each for each, _, _ in unbooked(world)] == [BACK, "SKLBACK002", "SKLBACK003"]
    assert float_cents(world) == 0


def test_one_that_was_ordered_days_ago_explains_no_other_line(world: World) -> None:
    reversal_ordered(world)
    world.clock.forward(days=2)
    tell(world, LineKind.REVERSAL, -5000, BACK, source=EvidenceChannel.PULL)
    assert unbooked(world, START.date() + timedelta(days=2)) == [(BACK, "open", 5000)]


def test_what_was_booked_beside_a_payout_can_be_undone(world: World) -> None:
    code = payout_ordered(world)
    world.pull()
    call_failed(world)
    tell(world, LineKind.OTHER, -50, code)
    assert unbooked(world) == [(code, "open", 5050)]
    booked = do(world, wish(Act.BOOK_COST, break_id=found(world).id))
    hear(world)
    assert (float_cents(world), held(world, AccountKind.CHARGES), gap(world)) == (4950, -50, 0)
    do(world, wish(Act.UNDO, break_id=booked.break_id, undoes_id=booked.id))
    assert (float_cents(world), held(world, AccountKind.CHARGES), gap(world)) == (5000, 0, -50)
    assert unbooked(world) == [(code, "open", 50)]


@pytest.mark.parametrize("undone_first", [False, True])
def test_a_payout_taken_back_that_staff_booked_and_undid_is_to_be_paid_again(
    world: World, *, undone_first: bool
) -> None:
    code = payout_ordered(world)
    world.pull()
    # Its code is not told yet, so that nothing of ours answers to the line that takes it back.
    tell(world, LineKind.REVERSAL, 5000, BACK, code)
    assert unbooked(world) == [(BACK, "open", 5000)]
    booked = do(world, wish(Act.BOOK_COST, break_id=found(world).id))
    undoing = wish(Act.UNDO, break_id=booked.break_id, undoes_id=booked.id)
    if undone_first:
        do(world, undoing)
        assert unbooked(world) == [(BACK, "open", 5000)]
    hear(world)
    assert refund(world).state == "paid"
    if not undone_first:
        do(world, undoing)
    apply(world)
    known = transfers(world)
    for source in (EvidenceChannel.STATEMENT, EvidenceChannel.PULL):
        tell(world, LineKind.REVERSAL, 5000, BACK, code, source)
    world.pull()
    assert transfers(world) == known
    assert (refund(world).state, unbooked(world)) == ("failed", [(BACK, "resolved", 5000)])
    assert (held(world, AccountKind.REFUNDS_PAYABLE), held(world, AccountKind.CHARGES)) == (5000, 0)
    assert (float_cents(world), world.proof().holds) == (10_000, True)
    with pytest.raises(NotPossible, match="not open"):
        do(world, wish(Act.BOOK_COST, break_id=booked.break_id))


# Tables, since what was inserted and not committed is a row that nobody else sees.
LOCKED_BY_WHO_WAITS = text("""
SELECT relation::regclass::text FROM pg_locks
WHERE pid IN (SELECT pid FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))
  AND mode IN ('RowShareLock', 'RowExclusiveLock')
""")


def while_kept_waiting(
    world: World, hold: Callable[[Session], object], wanted: Callable[[], object], *free: str
) -> None:
    """What is `wanted` waits for what is held, and has locked nothing of the tables that are `free`."""
    with world.sessions.begin() as holder:
        hold(holder)
        other = threading.Thread(target=wanted)
        other.start()
        wait_for(lambda: is_kept_waiting(holder), "the other to wait", seconds=30)
        assert set(holder.scalars(LOCKED_BY_WHO_WAITS)).isdisjoint(free)
    other.join()


@pytest.mark.parametrize("order", [payout_ordered, reversal_ordered])
@pytest.mark.parametrize("failed_before", [False, True])
def test_the_wallets_word_waits_for_who_books_its_line_before_it_holds_receipts_or_balances(
    world: World, order: Callable[[World], str], *, failed_before: bool
) -> None:
    code = order(world)
    if failed_before:
        call_failed(world)
    while_kept_waiting(
        world,
        lambda session: hold_movements(session, "mpesa", SHORTCODE, code),
        lambda: hear(world),
        "receipts",
        "ledger_balances",
    )
    assert refund(world).state == "paid"


def booked_reversal_of_a_payment(world: World) -> Decision:
    receipt = paid(world)
    tell(world, LineKind.REVERSAL, -5000, BACK, source=EvidenceChannel.PULL)
    unbooked(world)
    booked = do(world, wish(Act.BOOK_COST, break_id=found(world).id))
    tell(world, LineKind.REVERSAL, -5000, BACK, receipt)
    return booked


def booked_reversal_of_a_payout(world: World) -> Decision:
    code = payout_ordered(world)
    world.pull()
    tell(world, LineKind.REVERSAL, 5000, BACK, code)
    unbooked(world)
    booked = do(world, wish(Act.BOOK_COST, break_id=found(world).id))
    hear(world)
    return booked


@pytest.mark.parametrize(
    ("book", "table", "left_cents"),
    [(booked_reversal_of_a_payment, Receipt, 0), (booked_reversal_of_a_payout, Refund, 10_000)],
)
def test_undoing_waits_for_who_works_on_what_was_taken_back_before_it_holds_balances(
    world: World,
    book: Callable[[World], Decision],
    table: type[Receipt | Refund],
    left_cents: int,
) -> None:
    booked = book(world)
    undoing = wish(Act.UNDO, break_id=booked.break_id, undoes_id=booked.id)
    while_kept_waiting(
        world,
        lambda session: session.scalars(select(table).with_for_update()).all(),
        lambda: do(world, undoing),
        "ledger_balances",
    )
    assert (float_cents(world), held(world, AccountKind.CHARGES), gap(world)) == (left_cents, 0, 0)
