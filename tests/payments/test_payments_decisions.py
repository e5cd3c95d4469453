"""Staff decide about money: each is a linked transfer, once, audited, above a limit by two people."""

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from core.audit import AuditEntry
from core.money import Money
from core.outbox import OutboxRow
from core.phone import PhoneNumber
from members.model import Status
from members.tables import MemberRow
from payments.ledger import service as ledger
from payments.ledger.model import Account, AccountKind
from payments.ledger.tables import LedgerTransfer
from payments.model import BreakClass, EvidenceChannel, Verdict
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.refunds.results import apply_result
from payments.refunds.service import open_decided
from payments.refunds.tables import Refund
from payments.registry_postings import batches
from payments.suspense.deciding import check, decide, decisions_about, waiting
from payments.suspense.model import Act, DecisionState, NotPossible, Share, Wish
from payments.suspense.tables import Decision
from payments.suspense.view import refunds_to_pay, suspense_page, suspense_total
from payments.wallet_lines.service import keep_lines
from payments.wallets.payouts import OrderFate, OrderKind, OrderResult
from payments.wallets.protocol import Rejected, Unknown
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.world import World

REASON = "the payer called and said so"
STRANGER = PhoneNumber("+254733000111")
MAKER, CHECKER = "staff:maker", "staff:checker"


def lost(world: World, cents: int = 5000) -> Receipt:
    """Money in suspense, confirmed by the wallet's list, its difference found."""
    world.confirm(world.wallet.pay_by_hand(STRANGER, cents, "WHO"))
    world.settle(minutes=1)
    world.reconcile()
    return next(receipt for receipt in world.receipts() if receipt.member_id is None)


def refunds(world: World) -> list[str]:
    with world.sessions.begin() as session:
        return list(session.scalars(select(Refund.state).order_by(Refund.asked_at)))


def wish(act: Act, receipt: Receipt | None = None, **about: Any) -> Wish:
    about.setdefault("key", uuid.uuid4())
    return Wish(act=act, reason=REASON, receipt_id=receipt.id if receipt else None, **about)


def do(world: World, wanted: Wish, *, limit_cents: int = 10**9, maker: str = MAKER) -> Decision:
    with world.sessions.begin() as session:
        return decide(session, wanted, maker=maker, limit_cents=limit_cents, now=world.clock.now())


def second(
    world: World, decision: Decision, *, checker: str = CHECKER, approve: bool = True, reason: str = REASON
) -> Decision:
    with world.sessions.begin() as session:
        return check(
            session, decision.id, checker=checker, approve=approve, reason=reason, now=world.clock.now()
        )


def kept(world: World, receipt: Receipt) -> Receipt:
    with world.sessions.begin() as session:
        return session.get_one(Receipt, receipt.id)


def held(world: World, kind: AccountKind) -> int:
    with world.sessions.begin() as session:
        return -ledger.balance(session, Account.of_shortcode(kind, "mpesa", SHORTCODE, "KES"))


def saved(world: World, member: MemberRow) -> int:
    with world.sessions.begin() as session:
        return ledger.savings(session, member.id).amount_cents


def states(world: World) -> dict[str, str]:
    with world.sessions.begin() as session:
        return {row.break_class: row.state for row in session.scalars(select(Break))}


def test_matching_moves_the_money_ends_the_difference_tells_and_posts(world: World) -> None:
    member, receipt = world.member(), lost(world)
    decision = do(world, wish(Act.MATCH, receipt, member_id=member.id))
    assert decision.state == DecisionState.DONE
    assert (saved(world, member), held(world, AccountKind.SUSPENSE)) == (5000, 0)
    assert states(world) == {"suspense": "resolved"}
    assert "receipt" in world.messages()
    world.settle(minutes=1)
    assert len(world.registry.stored) == 1
    assert world.proof().acknowledged == 1
    world.reconcile()
    assert states(world) == {"suspense": "resolved"}
    assert world.proof().holds


def test_a_double_click_is_one_decision(world: World) -> None:
    member, receipt = world.member(), lost(world)
    wanted = wish(Act.MATCH, receipt, member_id=member.id)
    first, again = do(world, wanted), do(world, wanted)
    assert first.id == again.id
    assert saved(world, member) == 5000
    with pytest.raises(NotPossible, match="already there"):
        do(world, wish(Act.MATCH, receipt, member_id=member.id))
    assert saved(world, member) == 5000


def test_every_transfer_points_at_the_one_it_corrects(world: World) -> None:
    member, receipt = world.member(), lost(world)
    matched = do(world, wish(Act.MATCH, receipt, member_id=member.id))
    undone = do(world, wish(Act.UNDO, receipt, undoes_id=matched.id))
    with world.sessions.begin() as session:
        keys = {row.id: row.business_key for row in session.scalars(select(LedgerTransfer))}
        links = {
            row.business_key: keys[row.corrects_id] if row.corrects_id else None
            for row in session.scalars(select(LedgerTransfer))
        }
    assert links[f"decision:{matched.id}"] == f"credit:mpesa:{SHORTCODE}:{receipt.receipt}"
    assert links[f"decision:{undone.id}"] == f"decision:{matched.id}"
    assert (saved(world, member), held(world, AccountKind.SUSPENSE)) == (0, 5000)
    assert world.proof().holds


def test_after_an_undo_another_member_can_have_it_and_is_told_and_posted(world: World) -> None:
    wrong, right, receipt = world.member(), world.member(), lost(world)
    matched = do(world, wish(Act.MATCH, receipt, member_id=wrong.id))
    do(world, wish(Act.UNDO, receipt, undoes_id=matched.id))
    assert states(world)["suspense"] == "resolved"
    world.reconcile()
    assert states(world)["suspense"] == "open"
    do(world, wish(Act.MATCH, receipt, member_id=right.id))
    world.settle(minutes=1)
    assert (saved(world, wrong), saved(world, right)) == (0, 5000)
    assert world.proof().acknowledged == 1
    told = [task.payload.get("member_id") for task in world.tasks("message")]
    assert told.count(str(right.id)) == 1


def test_what_the_registry_has_is_not_moved_behind_its_back(world: World) -> None:
    member, receipt = world.member(), lost(world)
    matched = do(world, wish(Act.MATCH, receipt, member_id=member.id))
    world.settle(minutes=1)
    for wanted in (wish(Act.UNDO, receipt, undoes_id=matched.id), wish(Act.SUSPEND, receipt)):
        with pytest.raises(NotPossible, match="at registry"):
            do(world, wanted)
    assert saved(world, member) == 5000


def test_what_the_registry_is_about_to_be_told_is_not_moved_either(world: World) -> None:
    """It is in a batch, and its attempt is counted only just before it is sent."""
    member, receipt = world.member(), lost(world)
    do(world, wish(Act.MATCH, receipt, member_id=member.id))
    [task] = world.tasks("post")
    with world.sessions.begin() as session:
        batches.form(session, task.id, receipt.id, limit=10, now=world.clock.now())
    with pytest.raises(NotPossible, match="at registry"):
        do(world, wish(Act.SUSPEND, receipt))
    world.settle(minutes=1)
    assert (saved(world, member), world.proof().acknowledged) == (5000, 1)


def test_above_the_limit_a_second_person_decides(world: World) -> None:
    member, receipt = world.member(), lost(world, 250_000)
    proposal = do(world, wish(Act.MATCH, receipt, member_id=member.id), limit_cents=100_000)
    assert proposal.state == DecisionState.PROPOSED
    assert (saved(world, member), held(world, AccountKind.SUSPENSE)) == (0, 250_000)
    with pytest.raises(NotPossible, match="same person"):
        second(world, proposal, checker=MAKER)
    with pytest.raises(NotPossible, match="waits already"):
        do(world, wish(Act.REFUND, receipt), limit_cents=100_000)
    assert second(world, proposal).state == DecisionState.DONE
    with pytest.raises(NotPossible, match="decided already"):
        second(world, proposal)
    assert saved(world, member) == 250_000
    with world.sessions.begin() as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.action.like("decision.%")).order_by(AuditEntry.number)
        ).all()
        assert waiting(session) == []
    proposed, approved = entries
    assert (proposed.actor, approved.actor) == (MAKER, CHECKER)
    assert (approved.details["maker"], approved.details["checker"]) == (MAKER, CHECKER)
    assert approved.details["before"]["place"] == "suspense"
    assert approved.details["after"]["member_id"] == str(member.id)


def test_a_refused_proposal_moves_nothing_and_another_may_follow(world: World) -> None:
    member, receipt = world.member(), lost(world)
    proposal = do(world, wish(Act.MATCH, receipt, member_id=member.id), limit_cents=0)
    assert second(world, proposal, approve=False).state == DecisionState.REFUSED
    assert saved(world, member) == 0
    assert do(world, wish(Act.REFUND, receipt), limit_cents=0).state == DecisionState.PROPOSED
    with world.sessions.begin() as session:
        about = decisions_about(session, receipt_id=receipt.id, break_id=None)
    assert sorted((row.maker, row.checker) for row in about if row.checker) == [(MAKER, CHECKER)]


def test_what_could_not_be_done_is_not_even_proposed(world: World) -> None:
    closed, receipt = world.member(Status.CLOSED), lost(world)
    for member_id, why in ((closed.id, "closed member"), (uuid.uuid4(), "no member")):
        with pytest.raises(NotPossible, match=why):
            do(world, wish(Act.MATCH, receipt, member_id=member_id), limit_cents=0)
    with pytest.raises(NotPossible, match="no reason"):
        do(world, Wish(key=uuid.uuid4(), act=Act.REFUND, reason="short", receipt_id=receipt.id))
    with world.sessions.begin() as session:
        assert waiting(session) == []


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


def test_no_message_moves_what_staff_decided(world: World) -> None:
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, "WHO"))
    world.settle(minutes=1)
    [receipt] = world.receipts()
    assert receipt.member_id is None
    do(world, wish(Act.REFUND, receipt))
    world.settle(minutes=5)
    assert kept(world, receipt).member_id is None
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 5000
    assert world.proof().holds


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


def test_a_forged_credit_is_written_off_and_comes_back_when_the_wallet_lists_it(world: World) -> None:
    member = world.member()
    body = world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    world.confirm(body)
    hidden, world.wallet.lines = world.wallet.lines, []
    world.settle(minutes=2)
    world.pull()
    world.reconcile()
    [receipt] = world.receipts()
    with world.sessions.begin() as session:
        found = session.scalars(select(Break).where(Break.break_class == BreakClass.NOT_ON_STATEMENT)).one()
    do(world, wish(Act.WRITE_OFF, receipt, break_id=found.id))
    assert (saved(world, member), held(world, AccountKind.WALLET_FLOAT)) == (0, 0)
    world.reconcile()
    assert states(world) == {"not_on_statement": "resolved"}
    world.wallet.lines = hidden
    world.clock.forward(hours=1)
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000112"), 100, "X"))
    world.settle(minutes=3)
    world.reconcile()
    assert states(world)["not_in_ledger"] == "open"
    assert saved(world, member) == 0


def test_what_the_wallet_lists_is_not_written_off_because_a_message_contradicts_it(world: World) -> None:
    member = world.member()
    # What it refused, nothing else keeps in the member's name.
    world.registry.refuses = "rjct.amount.invalid"
    body = json.loads(world.wallet.pay_by_hand(PhoneNumber(member.phone), 10_000, member.number))
    world.confirm(json.dumps(body))
    world.settle(minutes=1)
    world.confirm(json.dumps(body | {"amount_cents": 50_000}))
    world.settle(minutes=1)
    world.reconcile()
    with world.sessions.begin() as session:
        found = session.scalars(select(Break).where(Break.break_class == BreakClass.MISMATCH)).one()
    [receipt] = world.receipts()
    assert found.receipt_id == receipt.id
    with pytest.raises(NotPossible, match="not to write off"):
        do(world, wish(Act.WRITE_OFF, break_id=found.id))
    assert (saved(world, member), held(world, AccountKind.WALLET_FLOAT)) == (10_000, -10_000)


def test_what_the_wallet_lists_by_now_is_not_written_off_before_the_next_comparison(world: World) -> None:
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    lines, world.wallet.lines = world.wallet.lines, []
    world.settle(minutes=16)
    world.pull()
    world.reconcile()
    with world.sessions.begin() as session:
        found = session.scalars(select(Break).where(Break.break_class == BreakClass.NOT_ON_STATEMENT)).one()
        keep_lines(session, "mpesa", lines, EvidenceChannel.STATEMENT, now=world.clock.now())
    with pytest.raises(NotPossible, match="has come"):
        do(world, wish(Act.WRITE_OFF, break_id=found.id))
    assert saved(world, member) == 5000


def test_undoing_an_explanation_opens_nothing_that_has_ended_by_itself_since(world: World) -> None:
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    [line] = world.wallet.lines
    decisions: list[Decision] = []
    for place, cents in enumerate((4000, 4500, 5000)):
        world.wallet.lines = [replace(line, row_key=f"{line.row_key}-{place}", amount=Money(cents))]
        world.settle(minutes=1)
        world.pull()
        world.reconcile()
        with world.sessions.begin() as session:
            found = session.scalars(select(Break).where(Break.break_class == BreakClass.AMOUNT_DIFFERS)).one()
        assert (found.state, cents) in {("open", 4000), ("open", 4500), ("resolved", 5000)}
        if not decisions:
            decisions.append(do(world, wish(Act.EXPLAIN, break_id=found.id)))
    do(world, wish(Act.UNDO, break_id=found.id, undoes_id=decisions[0].id))
    assert states(world)["amount_differs"] == "resolved"


def test_a_difference_of_amounts_is_borne_by_the_fund_stays_settled_and_can_be_undone(world: World) -> None:
    member = world.member()
    body = json.loads(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.confirm(json.dumps(body | {"amount_cents": 5700}))
    world.settle(minutes=1)
    world.reconcile()
    with world.sessions.begin() as session:
        found = session.scalars(select(Break).where(Break.break_class == BreakClass.AMOUNT_DIFFERS)).one()
    decision = do(world, wish(Act.WRITE_OFF, break_id=found.id))
    assert held(world, AccountKind.CHARGES) == -700
    assert held(world, AccountKind.WALLET_FLOAT) == -5000
    for _ in range(2):
        world.reconcile()
    assert states(world)["amount_differs"] == "settled"
    do(world, wish(Act.UNDO, break_id=found.id, undoes_id=decision.id))
    assert held(world, AccountKind.CHARGES) == 0
    assert states(world)["amount_differs"] == "open"
    assert world.proof().holds


def test_an_explanation_holds_until_the_amounts_change(world: World) -> None:
    lost(world)
    with world.sessions.begin() as session:
        found = session.scalars(select(Break)).one()
    do(world, wish(Act.EXPLAIN, break_id=found.id))
    world.reconcile()
    assert states(world) == {"suspense": "settled"}
    with world.sessions.begin() as session:
        session.get_one(Break, found.id).amount_cents = 1
    world.reconcile()
    assert states(world) == {"suspense": "open"}


def test_the_registry_is_told_again_after_it_refused(world: World) -> None:
    member = world.member()
    world.registry.refuses = "rjct.amount.invalid"
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=1)
    world.reconcile()
    assert states(world) == {"rejected_by_registry": "open"}
    [receipt] = world.receipts()
    world.registry.refuses = ""
    do(world, wish(Act.REPOST, receipt), limit_cents=0)
    world.settle(minutes=1)
    assert world.proof().acknowledged == 1
    with pytest.raises(NotPossible, match="acknowledged"):
        do(world, wish(Act.REPOST, receipt))
    world.reconcile()
    assert states(world) == {"rejected_by_registry": "resolved"}


def test_what_staff_have_told_again_has_all_its_tries_again(world: World) -> None:
    member = world.member()
    world.registry.refuses = "rjct.amount.invalid"
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=1)
    [receipt] = world.receipts()
    of_it = (OutboxRow.topic == "post", OutboxRow.key == str(receipt.id))
    with world.sessions.begin() as session:
        session.execute(update(OutboxRow).where(*of_it).values(state="dead", failures=50))
    do(world, wish(Act.REPOST, receipt), limit_cents=0)
    with world.sessions.begin() as session:
        row = session.scalars(select(OutboxRow).where(*of_it)).one()
    assert (row.state, row.failures) == ("pending", 0)


def test_a_long_reason_of_the_second_person_is_kept_as_far_as_there_is_room(world: World) -> None:
    receipt = lost(world)
    member = world.member()
    proposed = do(world, wish(Act.MATCH, receipt, member_id=member.id), limit_cents=0)
    assert second(world, proposed, reason="because " * 100).checker_reason == ("because " * 100)[:400]


def test_a_match_frees_what_else_that_phone_paid_for_the_member(world: World) -> None:
    member, other = world.member(), world.member()
    for typed in (member.number, member.number, other.number):
        world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, typed))
    world.settle(minutes=1)
    first = world.receipts()[0]
    do(world, wish(Act.MATCH, first, member_id=member.id))
    world.settle(minutes=1)
    assert [one.member_id for one in world.receipts()] == [member.id, member.id, None]
    assert len(world.tasks("look_again")) == 1


def test_a_division_frees_what_else_that_phone_paid_for_its_members(world: World) -> None:
    member, other = world.member(), world.member()
    whole = lost(world, 12_000)
    for one in (member, other):
        world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, one.number))
    world.settle(minutes=1)
    shares = (Share(member.id, 5000), Share(other.id, 7000))
    do(world, wish(Act.SPLIT, whole, shares=shares))
    world.settle(minutes=1)
    assert (saved(world, member), saved(world, other)) == (10_000, 12_000)
    assert held(world, AccountKind.SUSPENSE) == 0
    assert world.proof().holds
