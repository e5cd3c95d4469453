"""Refunds that staff decide: listed until they are paid, paid once, and only of money that came."""

import pytest
from sqlalchemy import select

from core.database import vault_of
from core.phone import PhoneNumber
from members.indexes import MemberIndexes
from members.notices import USUAL_LANGUAGE
from members.tables import MemberRow
from payments.alerts.service import AlertKind, clear_alert, open_alerts
from payments.ledger.model import AccountKind
from payments.model import EvidenceChannel, Verdict
from payments.order_results import reference_of
from payments.receipts.tables import Receipt
from payments.refunds.results import apply_result
from payments.refunds.service import open_decided
from payments.refunds.tables import Refund
from payments.refunds.telling import tell_refunded
from payments.suspense.model import Act, NotPossible
from payments.suspense.view import refunds_to_pay, suspense_page, suspense_total
from payments.wallets.payouts import OrderFate, OrderKind, OrderResult
from payments.wallets.protocol import Rejected, Unknown
from tests.payments.deciding import STRANGER, do, held, kept, lost, states, wish
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.world import World


def refunds(world: World) -> list[str]:
    with world.sessions.begin() as session:
        return list(session.scalars(select(Refund.state).order_by(Refund.asked_at)))


def test_a_refund_waits_to_be_paid_out_and_leaves_suspense(world: World) -> None:
    receipt = lost(world)
    decision = do(world, wish(Act.REFUND, receipt))
    assert (held(world, AccountKind.SUSPENSE), held(world, AccountKind.REFUNDS_PAYABLE)) == (0, 5000)
    with world.sessions.begin() as session:
        [(found, money)] = refunds_to_pay(session)
        assert (found.id, money.id) == (decision.id, receipt.id)
        assert suspense_total(session).count == 0
        assert suspense_page(session, None) == ([], None)
    world.reconcile()
    assert states(world) == {"suspense": "resolved"}


def test_a_refund_decided_twice_is_listed_once_and_no_more_when_the_wallet_took_it_back(world: World) -> None:
    receipt = lost(world)
    do(world, wish(Act.REFUND, receipt))
    world.clock.forward(minutes=1)
    do(world, wish(Act.SUSPEND, receipt))
    world.clock.forward(minutes=1)
    latest = do(world, wish(Act.REFUND, receipt))
    with world.sessions.begin() as session:
        assert [decision.id for decision, _ in refunds_to_pay(session)] == [latest.id]
    world.wallet.take_back(receipt.receipt)
    world.add_task("pull", {"wallet": "mpesa", "shortcode": SHORTCODE})
    world.settle(minutes=1)
    with world.sessions.begin() as session:
        assert refunds_to_pay(session) == []


def test_what_only_a_message_knows_of_is_not_given_back(world: World) -> None:
    """A forged message would otherwise be paid out to the phone it names."""
    world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, "WHO", payer=STRANGER.e164))
    world.work("evidence")
    [receipt] = world.receipts()
    with pytest.raises(NotPossible, match="not confirmed"):
        do(world, wish(Act.REFUND, receipt), limit_cents=0)
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0


def test_a_refund_on_its_way_is_not_called_back(world: World) -> None:
    member, receipt = world.member(), lost(world)
    decision = do(world, wish(Act.REFUND, receipt))
    with world.sessions.begin() as session:
        assert open_decided(session, now=world.clock.now()) == 1
    for wanted in (
        wish(Act.UNDO, receipt, undoes_id=decision.id),
        wish(Act.MATCH, receipt, member_id=member.id),
    ):
        with pytest.raises(NotPossible, match="being refunded"):
            do(world, wanted)
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 5000


def test_what_failed_is_paid_out_again_only_when_staff_decide_so_again(world: World) -> None:
    receipt = lost(world)
    do(world, wish(Act.REFUND, receipt))
    world.payouts.outcomes.append(Rejected("401.002.01", "no such initiator", alert=True))
    world.add_task("refunds", {})
    world.settle(minutes=2)
    world.add_task("refunds", {})
    world.settle(minutes=2)
    assert refunds(world) == ["failed"]
    do(world, wish(Act.SUSPEND, receipt))
    do(world, wish(Act.REFUND, receipt))
    for _ in range(2):
        world.add_task("refunds", {})
        world.settle(minutes=2)
    assert refunds(world) == ["failed", "sent"]
    world.hear_of_orders()
    world.settle(minutes=2)
    world.add_task("refunds", {})
    world.settle(minutes=2)
    assert refunds(world) == ["failed", "paid"]
    assert [paid.amount.amount_cents for paid in world.payouts.paid.values()] == [5000]
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0


@pytest.mark.parametrize(("language", "told"), [("en", "en"), ("sw", "sw"), (None, USUAL_LANGUAGE)])
def test_who_is_paid_back_hears_of_it_in_the_language_of_the_phone_if_it_is_a_members(
    world: World, language: str | None, told: str
) -> None:
    receipt = lost(world)
    do(world, wish(Act.REFUND, receipt))
    world.add_task("refunds", {})
    world.settle(minutes=2)
    with world.sessions.begin() as session:
        if language:
            member = session.get_one(MemberRow, world.member().id)
            member.phone, member.language = STRANGER.e164, language
            member.phone_index = MemberIndexes(vault_of(session)).phone(STRANGER)
        refund = session.scalars(select(Refund)).one()
        assert refund.member_id is None
        tell_refunded(session, refund, session.get_one(Receipt, receipt.id), now=world.clock.now())
    [news] = [task for task in world.tasks("message") if task.payload["template"] == "refunded"]
    assert news.payload["language"] == told


def test_what_may_have_been_paid_is_never_paid_again(world: World) -> None:
    receipt = lost(world)
    do(world, wish(Act.REFUND, receipt))
    world.payouts.outcomes.append(Unknown("no answer"))
    world.add_task("refunds", {})
    world.settle(minutes=2)
    with pytest.raises(NotPossible, match="being refunded"):
        do(world, wish(Act.SUSPEND, receipt))
    world.add_task("refunds", {})
    world.settle(minutes=2)
    assert refunds(world) == ["unknown"]


def test_news_that_what_failed_was_paid_does_not_count_when_it_was_paid_again(world: World) -> None:
    receipt = lost(world)
    do(world, wish(Act.REFUND, receipt))
    world.payouts.outcomes.append(Rejected("401.002.01", "no such initiator", alert=True))
    world.add_task("refunds", {})
    world.settle(minutes=2)
    do(world, wish(Act.SUSPEND, receipt))
    do(world, wish(Act.REFUND, receipt))
    world.add_task("refunds", {})
    world.settle(minutes=2)
    with world.sessions.begin() as session:
        failed = session.scalars(select(Refund).where(Refund.state == "failed")).one()
        news = OrderResult(OrderKind.PAYOUT, str(failed.id), "", OrderFate.DONE, "0", "done")
        assert apply_result(session, failed, news, now=world.clock.now()) == Verdict.MISMATCH
    assert refunds(world) == ["failed", "sent"]
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 5000


def test_a_failure_told_twice_keeps_no_new_decision_from_being_paid(world: World) -> None:
    receipt = lost(world)
    do(world, wish(Act.REFUND, receipt))
    world.payouts.fails_with = "2001"
    world.add_task("refunds", {})
    world.work()
    [(kind, order, body, _)] = world.payouts.news
    world.hear_of_orders()
    world.work("evidence")
    with world.sessions.begin() as session:
        failed = session.scalars(select(Refund)).one()
    world.clock.forward(minutes=1)
    do(world, wish(Act.SUSPEND, receipt))
    do(world, wish(Act.REFUND, receipt))
    with world.sessions.begin() as session:
        clear_alert(session, AlertKind.REFUND_FAILED, str(failed.id), now=world.clock.now())
    world.clock.forward(minutes=1)
    again = world.tell(EvidenceChannel.ORDER_RESULT, body, reference_of(kind, order))
    world.work("evidence")
    assert world.verdict(again) == Verdict.DUPLICATE
    with world.sessions.begin() as session:
        assert session.get_one(Refund, failed.id).finished_at == failed.finished_at
        assert open_alerts(session) == []
    world.payouts.fails_with = ""
    world.add_task("refunds", {})
    world.work()
    world.hear_of_orders()
    world.work()
    assert refunds(world) == ["failed", "paid"]
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0


def test_money_staff_want_refunded_is_reversed_from_there(world: World) -> None:
    receipt = lost(world)
    do(world, wish(Act.REFUND, receipt))
    world.wallet.take_back(receipt.receipt)
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000112"), 100, "X"))
    world.settle(minutes=1)
    assert kept(world, receipt).reversed_at is not None
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0
    with pytest.raises(NotPossible, match="reversed"):
        do(world, wish(Act.SUSPEND, receipt))
