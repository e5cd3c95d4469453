"""Refunds: asked once, ordered once, asked about until known, and the books say where the money is."""

import json

import pytest
from sqlalchemy import select

from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.alerts.service import open_alerts
from payments.model import BreakClass, EvidenceChannel, PaymentState
from payments.order_results import reference_of
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.refunds.model import NoRefund, RefundOpened, RefundOutcome
from payments.refunds.service import refund_double
from payments.refunds.tables import Refund
from payments.suspense.model import Place
from payments.suspense.places import Standing, move
from payments.view import statement_of
from payments.wallet_lines.tables import HeldAmount
from payments.wallets.payouts import Ordered, OrderKind
from payments.wallets.protocol import Rejected, Unknown
from tests.payments.world import World

SECOND = "SKL0000002"
STRANGER = PhoneNumber("+254733000111")


def paid_twice(world: World) -> MemberRow:
    """Prompted, paid, and paid again by hand a minute later; both credited and confirmed."""
    member = world.member()
    contribution_id, checkout_id = world.prompted(member)
    world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    world.clock.forward(minutes=1)
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=1)
    assert world.proof().credited_cents == 10000
    return member


def wish(world: World, member: MemberRow, code: str = SECOND) -> RefundOutcome:
    with world.sessions.begin() as session:
        return refund_double(session, member.id, code, now=world.clock.now())


def refund(world: World) -> Refund:
    with world.sessions.begin() as session:
        return session.scalars(select(Refund)).one()


def alerts(world: World) -> list[str]:
    with world.sessions.begin() as session:
        return [alert.kind for alert in open_alerts(session)]


def test_a_double_payment_is_given_back_and_told(world: World) -> None:
    member = paid_twice(world)
    world.write("refund_wish", member, SECOND)
    world.work()
    assert refund(world).state == "sent"
    proof = world.proof()
    assert (proof.credited_cents, proof.refunds_payable_cents, proof.refunded_cents) == (5000, 5000, 0)
    world.hear_of_orders()
    world.work()
    proof = world.proof()
    assert (proof.credited_cents, proof.refunds_payable_cents, proof.refunded_cents) == (5000, 0, 5000)
    assert proof.holds
    assert world.wallet.holds_cents == 5000
    assert world.payouts.paid[str(refund(world).id)].phone.e164 == member.phone
    assert world.messages()[-2:] == ["refund_begun", "refunded"]
    with world.sessions.begin() as session:
        states = {payment.receipt: payment.state for payment in statement_of(session, member.id, 5)}
    assert states[SECOND] is PaymentState.REVERSED


def test_the_same_wish_again_is_the_same_refund(world: World) -> None:
    member = paid_twice(world)
    first = wish(world, member)
    assert isinstance(first, RefundOpened)
    assert wish(world, member) == first
    world.settle(minutes=1)
    assert len(world.payouts.paid) == 1


def test_what_was_not_paid_twice_or_is_not_ones_own_is_not_given_back(world: World) -> None:
    member, other = world.member(), world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.work()
    assert wish(world, member, "SKL0000001") == NoRefund("not_double")
    assert wish(world, other, "SKL0000001") == NoRefund("unknown_receipt")
    assert wish(world, member, "NOSUCHCODE") == NoRefund("unknown_receipt")
    world.clock.forward(minutes=16)
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.work()
    assert wish(world, member) == NoRefund("not_double")
    world.write("refund_wish", member, SECOND)
    assert world.messages()[-1] == "refund_single"
    for asker, code in ((other, "SKL0000001"), (member, "NOSUCHCODE")):
        world.write("refund_wish", asker, code)
        # No case is made of it, and nobody is told whether the code is another's.
        last = world.tasks("message")[-1].payload
        assert (last["template"], last["values"]) == ("refund_unknown", {"receipt": code})


def test_one_of_two_payments_stays(world: World) -> None:
    member = paid_twice(world)
    assert isinstance(wish(world, member), RefundOpened)
    assert wish(world, member, "SKL0000001") == NoRefund("not_double")


def test_after_a_week_and_after_a_reversal_it_is_for_staff(world: World) -> None:
    member = paid_twice(world)
    world.clock.forward(days=8)
    assert wish(world, member) == NoRefund("too_late")


def test_what_the_wallet_reversed_meanwhile_is_not_given_back_a_second_time(world: World) -> None:
    assert isinstance(wish(world, paid_twice(world)), RefundOpened)
    with world.sessions.begin() as session:
        session.scalars(
            select(Receipt).where(Receipt.receipt == SECOND)
        ).one().reversed_at = world.clock.now()
    world.work()
    assert refund(world).state == "failed"
    assert world.payouts.paid == {}
    assert "refund_failed" in alerts(world)


def test_a_lost_result_is_asked_for_and_nothing_is_sent_twice(world: World) -> None:
    member = paid_twice(world)
    world.payouts.loses_results = 1
    wish(world, member)
    world.work()
    world.clock.forward(seconds=61)
    world.work()
    world.hear_of_orders()
    world.work()
    assert refund(world).state == "paid"
    assert [kind for kind, _ in world.payouts.orders] == [OrderKind.PAYOUT, OrderKind.STATUS]


def test_a_payout_that_the_wallet_took_back_is_not_paid_and_for_staff(world: World) -> None:
    member = paid_twice(world)
    world.payouts.loses_results = 1
    wish(world, member)
    world.work()
    world.payouts.taken_back.add(str(refund(world).id))
    world.clock.forward(seconds=61)
    world.work()
    world.hear_of_orders()
    world.write("refund_wish", member, SECOND)
    world.add_task("refunds", {})
    world.settle(minutes=5)
    assert refund(world).state == "failed"
    assert alerts(world) == ["refund_failed"]
    assert "refunded" not in world.messages()
    assert [kind for kind, _ in world.payouts.orders].count(OrderKind.PAYOUT) == 1
    proof = world.proof()
    assert (proof.refunds_payable_cents, proof.refunded_cents, proof.holds) == (5000, 0, True)


def test_a_time_out_is_unknown_and_asked_about_never_sent_again(world: World) -> None:
    member = paid_twice(world)
    world.payouts.outcomes = [Unknown("timeout")]
    world.payouts.loses_results = 1
    wish(world, member)
    world.work()
    assert refund(world).state == "unknown"
    world.settle(minutes=5)
    world.hear_of_orders()
    world.work()
    assert refund(world).state == "paid"
    assert [kind for kind, _ in world.payouts.orders].count(OrderKind.PAYOUT) == 1


def test_a_queue_time_out_is_not_a_failure(world: World) -> None:
    member = paid_twice(world)
    wish(world, member)
    world.work()
    world.hear_of_orders(as_timeouts=True)
    world.work()
    assert refund(world).state == "unknown"
    world.clock.forward(seconds=61)
    world.work()
    world.hear_of_orders()
    world.work()
    assert refund(world).state == "paid"
    assert len(world.payouts.paid) == 1


def test_an_order_that_nobody_took_is_asked_about_and_becomes_an_alert(world: World) -> None:
    member = paid_twice(world)
    world.payouts.outcomes = [Unknown("no answer at all, timeout")]
    world.payouts.fails_with = "lost"
    world.payouts.loses_results = 1
    wish(world, member)
    world.settle(minutes=90, step_seconds=60)
    world.hear_of_orders()
    world.work()
    assert refund(world).state == "unknown"
    assert alerts(world) == ["refund_unknown"]
    assert [kind for kind, _ in world.payouts.orders].count(OrderKind.PAYOUT) == 1


def test_a_refusal_that_passes_is_tried_again_and_one_that_stays_is_for_staff(world: World) -> None:
    member = paid_twice(world)
    world.payouts.outcomes = [Rejected("busy", "busy", retry_seconds=10), Ordered("AG_1")]
    wish(world, member)
    world.settle(minutes=1)
    assert refund(world).state == "sent"
    world.hear_of_orders()
    world.work()
    assert refund(world).state == "paid"


def test_money_that_cannot_be_paid_out_stays_payable_and_calls_staff(world: World) -> None:
    member = paid_twice(world)
    world.payouts.fails_with = "2001"
    wish(world, member)
    world.work()
    world.hear_of_orders()
    world.work()
    assert refund(world).state == "failed"
    assert world.proof().refunds_payable_cents == 5000
    assert alerts(world) == ["refund_failed"]


@pytest.mark.parametrize("changed", [{"originator": "another"}, {"cents": 9900}])
def test_a_forged_result_changes_nothing(world: World, changed: dict[str, object]) -> None:
    member = paid_twice(world)
    world.payouts.loses_results = 1
    wish(world, member)
    world.work()
    found = refund(world)
    body = {"originator": str(found.id), "conversation": "x", "code": "0", "cents": 5000, "receipt": "F1"}
    reference = reference_of("payout", str(found.id))
    forged = world.tell(EvidenceChannel.ORDER_RESULT, json.dumps(body | changed), reference)
    nobody = world.tell(EvidenceChannel.ORDER_RESULT, json.dumps(body), reference_of("payout", "no-id"))
    unreadable = world.tell(EvidenceChannel.ORDER_RESULT, "{", reference)
    strange = world.tell(EvidenceChannel.ORDER_RESULT, json.dumps(body), reference_of("loan", ""))
    world.work("evidence")
    verdicts = [world.verdict(each) for each in (forged, nobody, unreadable, strange)]
    assert verdicts == ["mismatch", "mismatch", "unreadable", "unreadable"]
    assert refund(world).state == "sent"


def test_a_result_told_twice_counts_once(world: World) -> None:
    member = paid_twice(world)
    wish(world, member)
    world.work()
    kind, order, body, _ = world.payouts.news[0]
    for _ in range(2):
        world.tell(EvidenceChannel.ORDER_RESULT, body, reference_of(kind, order))
    world.work()
    assert world.proof().refunded_cents == 5000
    assert world.messages().count("refunded") == 1


def test_what_staff_decided_to_give_back_goes_to_the_payer_the_list_names(world: World) -> None:
    world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, "nobody"))
    world.settle(minutes=1)
    to_refunds(world)
    world.write("refunds", world.member())
    world.work()
    world.hear_of_orders()
    world.work()
    assert next(iter(world.payouts.paid.values())).phone == STRANGER
    assert world.messages()[-1] == "refunded"


def test_when_nobody_knows_the_payer_the_wallet_reverses(world: World) -> None:
    world.wallet.is_down = True
    world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, "nobody", payer_mask="2547 ***** 111"))
    world.work()
    to_refunds(world)
    world.write("refunds", world.member())
    world.work("refund")
    assert world.payouts.orders == [(OrderKind.REVERSAL, "SKL0000001")]
    world.hear_of_orders()
    world.work("evidence")
    assert refund(world).state == "paid"
    assert world.receipts()[0].reversed_at is not None


def test_news_of_a_payout_that_failed_moves_nothing_once_its_money_went_elsewhere(world: World) -> None:
    member = paid_twice(world)
    world.payouts.fails_with = "2001"
    wish(world, member)
    world.work()
    world.hear_of_orders()
    world.work()
    found = refund(world)
    # Until the registry has taken that it is void it is given to nobody.
    world.settle(minutes=5)
    moved(world, Standing(Place.MEMBER, member.id), SECOND)
    body = {"originator": str(found.id), "conversation": "x", "code": "0", "cents": 5000, "receipt": "F1"}
    told = world.tell(EvidenceChannel.ORDER_RESULT, json.dumps(body), reference_of("payout", str(found.id)))
    world.work()
    assert world.verdict(told) == "mismatch"
    assert (refund(world).state, set(alerts(world))) == ("failed", {"refund_failed", "refund_paid_twice"})
    proof = world.proof()
    assert (proof.credited_cents, proof.refunds_payable_cents, proof.refunded_cents) == (10000, 0, 0)
    assert "refunded" not in world.messages()


@pytest.mark.parametrize("days", [0, 4])
@pytest.mark.parametrize("is_paid_first", [True, False])
def test_what_we_paid_out_and_the_wallet_took_back_as_well_is_a_break(
    world: World, days: int, is_paid_first: bool
) -> None:
    world.registry.is_down = True
    member = paid_twice(world)
    wish(world, member)
    world.work("refund")
    world.clock.forward(days=days)
    if is_paid_first:
        world.hear_of_orders()
        world.work("evidence")
    world.wallet.take_back(SECOND)
    world.pull()
    world.work("line")
    if not is_paid_first:
        world.hear_of_orders()
        world.work("evidence")
    world.settle(minutes=2)
    world.reconcile()
    assert refund(world).state == "paid"
    with world.sessions.begin() as session:
        of = Break.break_class == BreakClass.REVERSED_AFTER_CREDIT
        assert [found.subject for found in session.scalars(select(Break).where(of))] == [SECOND]


def test_a_reversal_whose_result_is_lost_is_over_when_the_list_tells_of_it(world: World) -> None:
    world.wallet.is_down = True
    world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, "nobody", payer_mask="2547 ***** 111"))
    world.work()
    to_refunds(world)
    world.write("refunds", world.member())
    world.payouts.loses_results = 1
    world.settle(minutes=150, step_seconds=300)
    assert (refund(world).state, sorted(alerts(world))) == ("sent", ["pull_failed", "refund_unknown"])
    world.wallet.is_down = False
    world.settle(minutes=150, step_seconds=300)
    assert world.receipts()[0].reversed_at is not None
    assert (refund(world).state, alerts(world)) == ("paid", [])
    assert [task.state for task in world.tasks("refund")] == ["done"]
    assert world.payouts.orders == [(OrderKind.REVERSAL, "SKL0000001")]
    assert world.proof().holds


def test_what_our_accounts_hold_is_asked_and_kept(world: World) -> None:
    world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, "nobody"))
    world.add_task("wallet_balance", {"wallet": "mpesa", "shortcode": world.wallet.shortcode})
    world.work("wallet_balance")
    world.hear_of_orders()
    world.work("evidence")
    with world.sessions.begin() as session:
        held = session.scalars(select(HeldAmount)).one()
    assert (held.account, held.available_cents) == ("Utility Account", 5000)


def to_refunds(world: World) -> None:
    """As a decision of staff does it."""
    moved(world, Standing(Place.REFUND))


def moved(world: World, to: Standing, code: str = "SKL0000001") -> None:
    with world.sessions.begin() as session:
        receipt = session.scalars(select(Receipt).where(Receipt.receipt == code).with_for_update()).one()
        move(session, receipt, to, key="decision:1", corrects=None, now=world.clock.now())
