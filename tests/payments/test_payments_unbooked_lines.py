"""Money that the wallet's list moves and that nothing of ours explains is a difference until it is booked."""

import re
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, text

from core.audit import AuditEntry
from core.money import Money
from core.phone import PhoneNumber
from payments.alerts.service import open_alerts
from payments.closing.control import CutOff, control_totals
from payments.ledger.model import AccountKind
from payments.ledger.tables import LedgerTransfer
from payments.model import EvidenceChannel
from payments.reconciliation.tables import Break, ReconciliationRun
from payments.refunds.tables import Refund
from payments.suspense.model import Act, NotPossible
from payments.wallet_lines.applying import Applying
from payments.wallet_lines.service import keep_lines
from payments.wallet_lines.unbooked import UNBOOKED_OF_DAY
from payments.wallets.protocol import LineKind, WalletLine
from tests.payments.deciding import CHECKER, MAKER, do, held, second, wish
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.test_payments_refunds import SECOND, paid_twice
from tests.payments.test_payments_refunds import wish as ask
from tests.payments.world import PULL_DELAY, START, World

HAND = "SKLHAND001"
BACK = "SKLBACK001"


def tell(
    world: World,
    kind: LineKind,
    cents: int,
    receipt: str,
    linked: str = "",
    source: EvidenceChannel = EvidenceChannel.STATEMENT,
) -> None:
    """A list has such a line, is applied, and long enough ago to be no longer on its way."""
    line = WalletLine(
        shortcode=SHORTCODE,
        receipt=receipt,
        row_key=f"{receipt}:{kind}:{cents}:{source}",
        kind=kind,
        amount=Money(cents),
        at=world.clock.now(),
        linked_receipt=linked,
    )
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", [line], source, now=world.clock.now())
    apply(world)
    world.clock.forward(minutes=2)


def apply(world: World) -> None:
    Applying(world.sessions, world.clock, pull_delay=PULL_DELAY).run("mpesa", SHORTCODE, since=START)


def unbooked(world: World, day: date | None = None) -> list[tuple[str, str, int | None]]:
    world.reconcile(day)
    with world.sessions.begin() as session:
        rows = session.scalars(
            select(Break).where(Break.break_class == "unbooked_line").order_by(Break.subject)
        )
        return [(row.subject, row.state, row.other_amount_cents) for row in rows]


def found(world: World) -> Break:
    with world.sessions.begin() as session:
        return session.scalars(select(Break).where(Break.break_class == "unbooked_line")).one()


def transfers(world: World) -> int:
    with world.sessions.begin() as session:
        return session.scalar(select(func.count()).select_from(LedgerTransfer)) or 0


def float_cents(world: World) -> int:
    return -held(world, AccountKind.WALLET_FLOAT)


def gap(world: World) -> int:
    """What the list of the day and the ledger differ by."""
    with world.sessions.begin() as session:
        return control_totals(
            session, world.calendar, CutOff("mpesa", SHORTCODE, START.date())
        ).ledger_gap_cents


def paid(world: World, cents: int = 5000) -> str:
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), cents, member.number))
    world.settle(minutes=1)
    return world.receipts()[-1].receipt


@pytest.mark.parametrize("cents", [-300_000, 300_000])
def test_what_somebody_moved_by_hand_is_a_difference(world: World, cents: int) -> None:
    tell(world, LineKind.OTHER, cents, HAND)
    assert unbooked(world) == [(HAND, "open", 300_000)]
    assert gap(world) == cents
    # The same list again, and the day compared again, change nothing.
    tell(world, LineKind.OTHER, cents, HAND)
    tell(world, LineKind.OTHER, cents, HAND, source=EvidenceChannel.PULL)
    assert unbooked(world) == [(HAND, "open", 300_000)]
    assert transfers(world) == 0


def test_a_line_that_came_just_now_or_moved_nothing_is_none(world: World) -> None:
    tell(world, LineKind.OTHER, 0, HAND)
    assert unbooked(world) == []
    tell(world, LineKind.OTHER, -100, BACK)
    world.clock.forward(minutes=-2)
    assert unbooked(world) == []


@pytest.mark.parametrize(
    ("act", "account"),
    [(Act.BOOK_COST, AccountKind.CHARGES), (Act.BOOK_BANK, AccountKind.BANK_IN_TRANSIT)],
)
def test_booked_it_is_in_the_float_once_and_the_day_adds_up(
    world: World, act: Act, account: AccountKind
) -> None:
    tell(world, LineKind.OTHER, -300_000, HAND)
    unbooked(world)
    wanted = wish(act, break_id=found(world).id)
    for _ in range(2):
        assert do(world, wanted).state == "done"
    assert (float_cents(world), held(world, account), gap(world)) == (-300_000, -300_000, 0)
    assert transfers(world) == 1
    assert unbooked(world) == [(HAND, "resolved", 300_000)]
    with pytest.raises(NotPossible, match="not open"):
        do(world, wish(act, break_id=found(world).id))
    # Another list that tells of it is no other money.
    tell(world, LineKind.OTHER, -300_000, HAND, source=EvidenceChannel.PULL)
    assert unbooked(world) == [(HAND, "resolved", 300_000)]
    assert transfers(world) == 1


def test_above_the_limit_a_second_person_books_and_both_are_in_the_audit_trail(world: World) -> None:
    tell(world, LineKind.OTHER, -300_000, HAND)
    unbooked(world)
    decision = do(world, wish(Act.BOOK_COST, break_id=found(world).id), limit_cents=100_000)
    assert (decision.state, transfers(world)) == ("proposed", 0)
    with pytest.raises(NotPossible, match="same person"):
        second(world, decision, checker=MAKER)
    assert second(world, decision).state == "done"
    assert (float_cents(world), unbooked(world)[0][1]) == (-300_000, "resolved")
    with world.sessions.begin() as session:
        done = session.scalars(select(AuditEntry).where(AuditEntry.action == "decision.approved")).one()
        assert (done.details["act"], done.details["maker"]) == ("book_cost", MAKER)
        assert (done.details["checker"], done.details["amount_cents"]) == (CHECKER, 300_000)
        assert [each["amount_cents"] for each in done.details["after"]["booked"]] == [-300_000]


def test_what_the_list_tells_more_since_it_was_proposed_is_not_booked_by_the_second_person(
    world: World,
) -> None:
    tell(world, LineKind.OTHER, -300_000, HAND)
    unbooked(world)
    decision = do(world, wish(Act.BOOK_COST, break_id=found(world).id), limit_cents=100_000)
    tell(world, LineKind.OTHER, -200_000, HAND)
    with pytest.raises(NotPossible, match="line changed"):
        second(world, decision)
    assert (transfers(world), unbooked(world)) == (0, [(HAND, "open", 500_000)])


def test_undone_it_is_open_again_and_can_be_booked_elsewhere(world: World) -> None:
    tell(world, LineKind.OTHER, -300_000, HAND)
    unbooked(world)
    about = found(world).id
    first = do(world, wish(Act.BOOK_COST, break_id=about))
    undoing = wish(Act.UNDO, break_id=about, undoes_id=first.id)
    # What took two people takes two to undo.
    undone = do(world, undoing, limit_cents=100_000)
    assert undone.state == "proposed"
    second(world, undone)
    assert (float_cents(world), held(world, AccountKind.CHARGES)) == (0, 0)
    assert unbooked(world) == [(HAND, "open", 300_000)]
    again = do(world, wish(Act.BOOK_BANK, break_id=about))
    assert (float_cents(world), held(world, AccountKind.BANK_IN_TRANSIT)) == (-300_000, -300_000)
    assert unbooked(world) == [(HAND, "resolved", 300_000)]
    do(world, wish(Act.UNDO, break_id=about, undoes_id=again.id))
    assert (float_cents(world), unbooked(world)) == (0, [(HAND, "open", 300_000)])
    with world.sessions.begin() as session:
        keys = session.scalars(select(LedgerTransfer.business_key)).all()
    assert sum(key.startswith("line:") and key.count(":") == 1 for key in keys) == 1
    assert len(keys) == 4


def test_only_such_a_difference_is_booked(world: World) -> None:
    tell(world, LineKind.CHARGE, -2300, HAND)
    world.reconcile()
    with world.sessions.begin() as session:
        other = session.scalars(select(Break)).one()
    assert other.break_class == "unexpected_charge"
    with pytest.raises(NotPossible, match="not to book"):
        do(world, wish(Act.BOOK_COST, break_id=other.id))


def refunded(world: World) -> Refund:
    """A double payment of 5,000, paid out to its member. The wallet's word about it can be heard again."""
    ask(world, paid_twice(world))
    world.work()
    said = list(world.payouts.news)
    world.hear_of_orders()
    world.payouts.news = said
    world.settle(minutes=2)
    with world.sessions.begin() as session:
        refund = session.scalars(select(Refund)).one()
    assert refund.state == "paid"
    return refund


def test_the_payout_of_a_refund_is_none(world: World) -> None:
    ask(world, paid_twice(world))
    world.work()
    # On its way: the list has it, and nobody has told its code.
    world.pull()
    world.clock.forward(minutes=2)
    assert unbooked(world) == []
    world.hear_of_orders()
    world.settle(minutes=2)
    assert unbooked(world) == []
    # Another one of that amount, later, is somebody's.
    world.clock.forward(minutes=60)
    tell(world, LineKind.OTHER, -5000, HAND)
    assert unbooked(world) == [(HAND, "open", 5000)]


def test_a_payout_that_the_wallet_takes_back_is_to_be_paid_again(world: World) -> None:
    refund = refunded(world)
    assert refund.payout_receipt is not None
    world.pull()
    tell(world, LineKind.REVERSAL, 5000, BACK, refund.payout_receipt)
    assert gap(world) == 0
    for source in (EvidenceChannel.STATEMENT, EvidenceChannel.PULL):
        tell(world, LineKind.REVERSAL, 5000, BACK, refund.payout_receipt, source)
        apply(world)
        assert (held(world, AccountKind.REFUNDS_PAYABLE), float_cents(world)) == (5000, 10_000)
    proof = world.proof()
    assert (proof.holds, proof.refunded_cents, proof.refunds_payable_cents) == (True, 0, 5000)
    assert unbooked(world) == []
    with world.sessions.begin() as session:
        assert session.get_one(Refund, refund.id).state == "failed"
        assert [alert.kind for alert in open_alerts(session)] == ["refund_failed"]
    # What the wallet said when it paid, said again, does not pay it in our books.
    world.hear_of_orders()
    world.work()
    assert (held(world, AccountKind.REFUNDS_PAYABLE), float_cents(world)) == (5000, 10_000)
    # Nothing is paid by itself; staff decide anew.
    world.settle(minutes=20)
    assert len(world.payouts.paid) == 1
    receipt = next(one for one in world.receipts() if one.receipt == SECOND)
    do(world, wish(Act.SUSPEND, receipt))
    do(world, wish(Act.REFUND, receipt))
    world.write("refunds", world.member())
    world.work()
    world.hear_of_orders()
    world.settle(minutes=2)
    assert len(world.payouts.paid) == 2
    assert (held(world, AccountKind.REFUNDS_PAYABLE), float_cents(world)) == (0, 5000)
    assert unbooked(world) == []
    world.pull()
    assert gap(world) == 0


def test_a_payout_taken_back_in_part_is_a_difference(world: World) -> None:
    refund = refunded(world)
    tell(world, LineKind.REVERSAL, 2000, BACK, refund.payout_receipt or "")
    assert unbooked(world) == [(BACK, "open", 2000)]


def test_what_was_moved_by_hand_and_taken_back_is_nothing(world: World) -> None:
    tell(world, LineKind.OTHER, -300_000, HAND)
    assert unbooked(world) == [(HAND, "open", 300_000)]
    tell(world, LineKind.REVERSAL, 300_000, BACK, HAND)
    assert (unbooked(world), gap(world)) == ([(HAND, "resolved", 300_000)], 0)


def test_what_was_booked_and_then_taken_back_is_booked_back_or_undone(world: World) -> None:
    tell(world, LineKind.OTHER, -300_000, HAND)
    unbooked(world)
    booked = do(world, wish(Act.BOOK_COST, break_id=found(world).id))
    tell(world, LineKind.REVERSAL, 300_000, BACK, HAND)
    assert unbooked(world) == [(BACK, "open", 300_000), (HAND, "resolved", 300_000)]
    do(world, wish(Act.UNDO, break_id=booked.break_id, undoes_id=booked.id))
    assert [state for _, state, _ in unbooked(world)] == ["resolved", "resolved"]
    assert (float_cents(world), gap(world)) == (0, 0)


def test_a_payment_taken_back_in_part_is_a_difference_until_it_is_booked(world: World) -> None:
    receipt = paid(world)
    tell(world, LineKind.REVERSAL, -2000, BACK, receipt)
    assert unbooked(world) == [(BACK, "open", 2000)]
    assert gap(world) == -2000
    do(world, wish(Act.BOOK_COST, break_id=found(world).id))
    assert (unbooked(world)[0][1], gap(world), float_cents(world)) == ("resolved", 0, 3000)


def test_a_payment_taken_back_is_none_and_taken_back_twice_is_one(world: World) -> None:
    receipt = paid(world)
    tell(world, LineKind.REVERSAL, -5000, BACK, receipt)
    assert (unbooked(world), float_cents(world)) == ([], 0)
    tell(world, LineKind.REVERSAL, -5000, "SKLBACK002", receipt)
    assert unbooked(world) == [("SKLBACK002", "open", 5000)]


def test_a_reversal_that_names_no_payment_is_one_until_another_list_names_it(world: World) -> None:
    receipt = paid(world)
    tell(world, LineKind.REVERSAL, -5000, BACK, source=EvidenceChannel.PULL)
    assert unbooked(world) == [(BACK, "open", 5000)]
    tell(world, LineKind.REVERSAL, -5000, BACK, receipt)
    assert unbooked(world) == [(BACK, "resolved", 5000)]
    assert float_cents(world) == 0
    before = transfers(world)
    apply(world)
    assert (transfers(world), unbooked(world)) == (before, [(BACK, "resolved", 5000)])
    assert gap(world) == 0
    with world.sessions.begin() as session:
        runs = select(ReconciliationRun).where(ReconciliationRun.day == START.date())
        last = session.scalars(runs.order_by(ReconciliationRun.at.desc())).first()
        assert last is not None
        # The payment, and what took it back.
        assert (last.wallet_lines, last.wallet_out_cents) == (2, 5000)


def test_what_staff_booked_is_not_taken_from_the_float_a_second_time(world: World) -> None:
    receipt = paid(world)
    tell(world, LineKind.REVERSAL, -5000, BACK, source=EvidenceChannel.PULL)
    unbooked(world)
    booked = do(world, wish(Act.BOOK_COST, break_id=found(world).id))
    assert float_cents(world) == 0
    tell(world, LineKind.REVERSAL, -5000, BACK, receipt)
    apply(world)
    assert (float_cents(world), world.receipts()[0].reversed_at) == (0, None)
    # The payment's own difference says so; undone, the payment is taken back instead.
    world.reconcile()
    with world.sessions.begin() as session:
        classes = set(session.scalars(select(Break.break_class).where(Break.state == "open")))
    assert classes == {"reversed_after_credit"}
    do(world, wish(Act.UNDO, break_id=booked.break_id, undoes_id=booked.id))
    assert (float_cents(world), held(world, AccountKind.CHARGES)) == (0, 0)
    assert world.receipts()[0].reversed_at is not None
    assert unbooked(world) == [(BACK, "resolved", 5000)]
    assert world.proof().holds


def test_a_day_of_many_payments_and_charges_is_found_by_its_few_lines_of_such_kinds(world: World) -> None:
    rows = """INSERT INTO wallet_lines (wallet, shortcode, row_key, receipt, kind, amount_cents, currency,
      source, at, seen_at)
      SELECT 'mpesa', :shortcode, 'k' || n, 'SKL' || n, CASE WHEN n % 2 = 0 THEN 'credit' ELSE 'charge' END,
      100, 'KES', 'statement', CAST(:at AS timestamptz) + n * interval '1 second', :at
      FROM generate_series(1, 5000) n"""
    # As many payments as lines: what an earlier test left of statistics says nothing of this one.
    payments = """INSERT INTO receipts (id, wallet, shortcode, receipt, amount_cents, currency, source,
      match_step, particulars, paid_at, recorded_at)
      SELECT gen_random_uuid(), wallet, shortcode, receipt, amount_cents, currency, source,
      'suspense', '', at, at FROM wallet_lines WHERE kind = 'credit'"""
    about = {"wallet": "mpesa", "shortcode": SHORTCODE, "now": START + timedelta(days=1)}
    about |= {"day_start": START, "day_end": START + timedelta(days=1), "apply_lag": timedelta(minutes=1)}
    with world.sessions.begin() as session:
        session.execute(text(rows), {"shortcode": SHORTCODE, "at": START})
        session.execute(text(payments))
        session.execute(text("ANALYZE wallet_lines, receipts"))
        plan = "\n".join(session.scalars(text(f"EXPLAIN {UNBOOKED_OF_DAY}"), about))
    assert {"ix_wallet_lines_unnamed", "ix_wallet_lines_reversals"} <= set(re.findall(r"ix_\w+", plan))
    assert not re.search(
        r"Hash (Right |Left )?(Semi |Anti )?Join|Seq Scan on (wallet_lines|receipts)", plan
    ), plan
