"""What the wallet's word about a refund changes: the state, the ledger, what the payer hears."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from payments.alerts.service import AlertKind, clear_alert, raise_alert, refused_by_wallet
from payments.ledger import service as ledger
from payments.ledger.model import Account, AccountKind, Leg, Reason
from payments.model import Verdict
from payments.receipts import service as receipts
from payments.receipts.tables import Receipt
from payments.reconciliation.due_days import have_compared
from payments.refunds.model import REFUND_PLACE, RefundState, RefundWay
from payments.refunds.tables import Refund
from payments.refunds.telling import tell_refunded
from payments.wallet_lines.unbooked import hold_movements, take_off_books
from payments.wallets.payouts import OrderFate, OrderKind, OrderResult
from payments.wallets.protocol import LineKind

_CODE_CHARACTERS_MAX = 40
_TEXT_CHARACTERS_MAX = 300
# Before this state nothing of ours is at the wallet that a result could speak of.
_NOT_SENT = RefundState.REQUESTED
# What the line of a refund is in the wallet's list, which has it under the code that the result tells.
_LINE_KINDS = {RefundWay.PAYOUT: LineKind.OTHER, RefundWay.REVERSAL: LineKind.REVERSAL}


@dataclass(frozen=True, slots=True)
class Taken:
    """The line that tells that a payout was taken back, and the business key of what it books."""

    key: str
    receipt: str
    at: datetime


def apply_result(session: Session, refund: Refund, result: OrderResult, *, now: datetime) -> Verdict:
    """Take a result to a locked refund. What is paid stays paid, whatever is said later."""
    if refund.state == RefundState.PAID or was_taken_back(refund):
        return Verdict.DUPLICATE
    if refund.state == _NOT_SENT or _speaks_of_another(refund, result):
        return Verdict.MISMATCH
    if result.fate is OrderFate.DONE and result.receipt:
        # First, as whoever works on the line of that code: receipts and balances come after it.
        hold_movements(session, refund.wallet, refund.shortcode, result.receipt)
    if result.fate is OrderFate.DONE and _went_elsewhere(session, refund):
        # Somebody has it twice now: for people, with both messages in their hands.
        why = "paid after it failed, and its money went elsewhere"
        raise_alert(session, AlertKind.REFUND_PAID_TWICE, str(refund.id), why, now=now)
        return Verdict.MISMATCH
    if refund.state == RefundState.FAILED and result.fate is OrderFate.FAILED:
        # Its end stays when it was: what staff decided since then is opened by that.
        return Verdict.DUPLICATE
    refund.result_code = result.code[:_CODE_CHARACTERS_MAX]
    refund.result_text = result.message[:_TEXT_CHARACTERS_MAX]
    match result.fate:
        case OrderFate.DONE:
            finish(session, refund, receipt_code=result.receipt, at=result.at or now, now=now)
        case OrderFate.FAILED:
            fail(session, refund, f"{result.code} {result.message}", now=now)
        case _ if refund.state != RefundState.FAILED:
            # Nobody knows, or it is not there yet: the questions go on.
            refund.state = RefundState.UNKNOWN
            if result.alert:
                why = f"{result.kind}: {result.code}"
                refused_by_wallet(session, refund.wallet, refund.shortcode, why, now=now)
    session.flush()
    return Verdict.NOTED


def fail(session: Session, refund: Refund, why: str, *, now: datetime) -> None:
    """The wallet moved nothing and will not: the money stays among the refunds payable, for staff."""
    refund.state = RefundState.FAILED
    refund.finished_at = now
    clear_alert(session, AlertKind.REFUND_UNKNOWN, str(refund.id), now=now)
    raise_alert(session, AlertKind.REFUND_FAILED, str(refund.id), why, now=now)


def finish(
    session: Session, refund: Refund, *, receipt_code: str | None = None, at: datetime, now: datetime
) -> None:
    """The payer has it back: the end of a locked refund, in the ledger and in their own words."""
    receipt = _locked_receipt(session, refund)
    if receipt_code:
        # Staff may have booked the line as a cost while nobody knew what it was.
        take_off_books(
            session,
            refund.wallet,
            refund.shortcode,
            receipt_code,
            _LINE_KINDS[RefundWay(refund.way)],
            -refund.amount_cents,
            key=f"refund:{refund.id}:booked",
            now=now,
        )
    if refund.way == RefundWay.REVERSAL:
        receipts.reverse(session, receipt, occurred_at=at, now=now)
    else:
        _pay(session, refund, at, now=now)
        if receipt.reversed_at is not None:
            # Given back twice: a difference of the payment's day.
            have_compared(session, receipt, f"refund:{refund.id}", now=now)
    refund.state = RefundState.PAID
    refund.payout_receipt = receipt_code or refund.payout_receipt
    refund.finished_at = now
    for kind in (AlertKind.REFUND_FAILED, AlertKind.REFUND_UNKNOWN):
        clear_alert(session, kind, str(refund.id), now=now)
    tell_refunded(session, refund, receipt, now=now)


def was_taken_back(refund: Refund) -> bool:
    """Whether it was paid, and the wallet took the payout back since: only what was paid has its code."""
    return refund.state == RefundState.FAILED and refund.payout_receipt is not None


def take_back(session: Session, refund: Refund, line: Taken, *, now: datetime) -> None:
    """The wallet gave us a payout back: the money is among the refunds payable again, where a refund that
    failed leaves it, and staff decide anew. `refund` is locked and paid.
    """
    payable, held = (
        Account.of_shortcode(kind, refund.wallet, refund.shortcode, refund.currency)
        for kind in (AccountKind.REFUNDS_PAYABLE, AccountKind.WALLET_FLOAT)
    )
    # Staff may have booked the line and undone that: what is booked of a line hangs on its first transfer.
    before = ledger.was_posted(session, line.key)
    ledger.post(
        session,
        f"{line.key}:payout:{refund.id}" if before else line.key,
        [Leg(held, refund.amount_cents), Leg(payable, -refund.amount_cents)],
        reason=Reason.REFUND,
        occurred_at=line.at,
        now=now,
        corrects=line.key if before else f"payout:{refund.id}",
    )
    refund.result_text = f"taken back by the wallet: {line.receipt}"
    fail(session, refund, refund.result_text, now=now)
    session.flush()


def _went_elsewhere(session: Session, refund: Refund) -> bool:
    """Whether this one failed and its money is no longer there to be paid: another refund was opened for it,
    staff gave it to somebody, or the wallet took it back.
    """
    if refund.state != RefundState.FAILED:
        return False
    # Whoever moves the money or opens another refund for it holds this lock.
    receipt = _locked_receipt(session, refund)
    newer = select(Refund.id).where(
        Refund.receipt_id == refund.receipt_id, Refund.state != RefundState.FAILED, Refund.id != refund.id
    )
    if session.scalar(newer.limit(1)) is not None:
        return True
    # A reversal takes the money from wherever it is.
    is_payable = receipt.staff_place == REFUND_PLACE and receipt.reversed_at is None
    return refund.way == RefundWay.PAYOUT and not is_payable


def _locked_receipt(session: Session, refund: Refund) -> Receipt:
    return session.get_one(Receipt, refund.receipt_id, with_for_update=True, populate_existing=True)


def _speaks_of_another(refund: Refund, result: OrderResult) -> bool:
    """A result is believed for our own id, amount and receipt only; the address alone could be guessed."""
    if result.kind is OrderKind.PAYOUT and result.originator_id != str(refund.id):
        return True
    if result.kind is OrderKind.REVERSAL and refund.conversation_id not in {"", result.conversation_id}:
        return True
    return result.amount is not None and result.amount.amount_cents != refund.amount_cents


def _pay(session: Session, refund: Refund, at: datetime, *, now: datetime) -> None:
    payable, held = (
        Account.of_shortcode(kind, refund.wallet, refund.shortcode, refund.currency)
        for kind in (AccountKind.REFUNDS_PAYABLE, AccountKind.WALLET_FLOAT)
    )
    ledger.post(
        session,
        f"payout:{refund.id}",
        [Leg(payable, refund.amount_cents), Leg(held, -refund.amount_cents)],
        reason=Reason.REFUND,
        occurred_at=at,
        now=now,
    )


def refund_for_update(session: Session, refund_id: object) -> Refund | None:
    """The refund, locked until the transaction ends."""
    return session.scalars(
        select(Refund)
        .where(Refund.id == refund_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
