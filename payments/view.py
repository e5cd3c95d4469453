"""What members and staff may see of payments: derived states, statements, the way of one shilling."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, case, func, select
from sqlalchemy.orm import Session, aliased

from core.money import Money
from members.tables import MemberRow
from payments.contributions.tables import Contribution, ContributionEvent
from payments.model import ContributionState, PaymentState, PostingState
from payments.receipts.parts import SPLIT, is_live_part, wallets_code
from payments.receipts.tables import Receipt
from payments.refunds.tables import Refund
from payments.registry_postings.tables import RegistryPosting
from payments.wallet_lines.tables import StoredLine
from payments.wallets.protocol import LineKind

INTENT_STATES = {
    ContributionState.REQUESTED: PaymentState.ASKED,
    ContributionState.PROMPTING: PaymentState.PROMPT_SENT,
    ContributionState.PROMPTED: PaymentState.PROMPT_SENT,
    ContributionState.PAID: PaymentState.RECEIVED,
    ContributionState.FAILED: PaymentState.FAILED,
    ContributionState.CANCELLED: PaymentState.CANCELLED,
    ContributionState.EXPIRED: PaymentState.EXPIRED,
    ContributionState.UNKNOWN: PaymentState.CHECKING,
}


@dataclass(frozen=True, slots=True)
class Payment:
    """One line of a member's statement. `at`: when it was paid, or asked for when nothing arrived yet."""

    at: datetime
    amount: Money
    state: PaymentState
    receipt: str | None
    receipt_id: uuid.UUID | None
    contribution_id: uuid.UUID | None

    @property
    def id(self) -> uuid.UUID:
        """What `payment_way` takes: the receipt's id, else the contribution's."""
        found = self.receipt_id or self.contribution_id
        assert found is not None  # A payment is money, or an intent, or both.
        return found


@dataclass(frozen=True, slots=True)
class Intent:
    """For which month (`YYYY-MM`, None: that of the payment), whose savings by id and number, and which
    member asked for it, if another.
    """

    period: str | None
    member_id: uuid.UUID
    member_number: str
    asked_by: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class WayStep:
    """One step on the way of a payment: the state it came into, when, and why in a few words.

    RECEIVED: `<evidence channel>: <tied by>`. CONFIRMED: by which lists, `pull`, `statement`, or both with a
    comma.
    """

    state: PaymentState
    at: datetime
    why: str = ""


def is_confirmed() -> ColumnElement[bool]:
    """SQL: the wallet itself lists this receipt with this amount. For a column, looked up row by row.

    Only what the wallet lists is divided, so that parts are confirmed from the beginning. An EXISTS there may
    be answered by hashing every line there ever was; one line is always looked up.
    """
    return Receipt.part_of.is_not(None) | is_listed_with(Receipt.amount_cents)


def is_listed_with(amount_cents: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """SQL: the wallet's list has a credit of so much by the receipt's code."""
    line = (
        select(StoredLine.id)
        .where(
            StoredLine.wallet == Receipt.wallet,
            StoredLine.shortcode == Receipt.shortcode,
            StoredLine.receipt == Receipt.receipt,
            StoredLine.kind == LineKind.CREDIT,
            StoredLine.amount_cents == amount_cents,
        )
        .limit(1)
        .correlate(Receipt)
    )
    return line.scalar_subquery().is_not(None)


def receipt_state(reversed_at: datetime | None, posting: str | None, *, confirmed: bool) -> PaymentState:
    """How far money has come: received, confirmed, posted, acknowledged; or reversed."""
    if reversed_at is not None:
        return PaymentState.REVERSED
    if posting == PostingState.ACKNOWLEDGED:
        return PaymentState.ACKNOWLEDGED
    if posting == PostingState.POSTED:
        return PaymentState.POSTED
    return PaymentState.CONFIRMED if confirmed else PaymentState.RECEIVED


def statement_of(session: Session, member_id: uuid.UUID, limit: int) -> Sequence[Payment]:
    """A member's last payments, those for others too, and unfinished or failed intents, newest first."""
    payments = [
        *_received(session, Receipt.member_id == member_id, limit),
        *_received(session, Receipt.id.in_(_paid_for_others(member_id, limit)), limit),
        *_given_back(session, member_id, limit),
        *_not_received(session, member_id, limit),
    ]
    return sorted(payments, key=lambda payment: payment.at, reverse=True)[:limit]


def _paid_for_others(member_id: uuid.UUID, limit: int) -> Select[uuid.UUID | None]:
    """Picked first: otherwise all payments of everybody may be gone through, newest first, to find them."""
    return (
        select(Contribution.receipt_id)
        .where(Contribution.asked_by == member_id, Contribution.receipt_id.is_not(None))
        .order_by(Contribution.requested_at.desc())
        .limit(limit)
    )


def posting_of_parts() -> ColumnElement[str | None]:
    """SQL: how far the registry is told of a divided payment: as far as of all of its live parts."""
    part, told = aliased(Receipt), aliased(RegistryPosting)
    # A part that nobody was told of, as a rest in suspense, has no state: it counts as not there yet.
    state = func.coalesce(told.state, "")
    is_told = state.in_((PostingState.POSTED, PostingState.ACKNOWLEDGED))
    return (
        select(
            case(
                (func.bool_and(state == PostingState.ACKNOWLEDGED), PostingState.ACKNOWLEDGED.value),
                (func.bool_and(is_told), PostingState.POSTED.value),
            )
        )
        .select_from(part)
        .outerjoin(told, told.receipt_id == part.id)
        .where(is_live_part(part, Receipt.id.expression), Receipt.staff_place == SPLIT)
        .correlate(Receipt)
        .scalar_subquery()
    )


def _receipts() -> Select[Receipt, str, bool, uuid.UUID]:
    return (
        select(
            Receipt,
            func.coalesce(RegistryPosting.state, posting_of_parts()).label("posting"),
            is_confirmed().label("confirmed"),
            Contribution.id.label("contribution_id"),
        )
        .outerjoin(RegistryPosting, RegistryPosting.receipt_id == Receipt.id)
        .outerjoin(Contribution, Contribution.receipt_id == Receipt.id)
    )


def _received(session: Session, whose: ColumnElement[bool], limit: int) -> list[Payment]:
    rows = session.execute(_receipts().where(whose).order_by(Receipt.paid_at.desc()).limit(limit))
    return [
        Payment(
            at=receipt.paid_at,
            amount=Money(receipt.amount_cents, receipt.currency),
            state=receipt_state(receipt.reversed_at, posting, confirmed=confirmed),
            receipt=receipt.receipt,
            receipt_id=receipt.id,
            contribution_id=contribution_id,
        )
        for receipt, posting, confirmed, contribution_id in rows
    ]


def _given_back(session: Session, member_id: uuid.UUID, limit: int) -> list[Payment]:
    """What the member had refunded: their money no longer, whether or not it has arrived."""
    rows = session.execute(
        select(Receipt, Contribution.id)
        .join(Refund, Refund.receipt_id == Receipt.id)
        .outerjoin(Contribution, Contribution.receipt_id == Receipt.id)
        .where(Refund.member_id == member_id, Receipt.member_id.is_(None))
        .order_by(Receipt.paid_at.desc())
        .limit(limit)
    )
    return [
        Payment(
            at=receipt.paid_at,
            amount=Money(receipt.amount_cents, receipt.currency),
            state=PaymentState.REVERSED,
            receipt=receipt.receipt,
            receipt_id=receipt.id,
            contribution_id=contribution_id,
        )
        for receipt, contribution_id in rows
    ]


def _not_received(session: Session, member_id: uuid.UUID, limit: int) -> list[Payment]:
    rows = session.scalars(
        select(Contribution)
        .where(
            # What was asked of another phone is that one's to finish.
            ((Contribution.member_id == member_id) & Contribution.asked_by.is_(None))
            | (Contribution.asked_by == member_id),
            Contribution.receipt_id.is_(None),
        )
        .order_by(Contribution.requested_at.desc())
        .limit(limit)
    )
    return [
        Payment(
            at=row.requested_at,
            amount=Money(row.amount_cents, row.currency),
            state=INTENT_STATES[ContributionState(row.state)],
            receipt=None,
            receipt_id=None,
            contribution_id=row.id,
        )
        for row in rows
    ]


def payment_way(session: Session, payment_id: uuid.UUID) -> Sequence[WayStep]:
    """The way of a payment, given a receipt's or a contribution's id; empty when there is no such payment."""
    found = session.execute(
        select(Contribution.id, Contribution.receipt_id).where(
            (Contribution.id == payment_id) | (Contribution.receipt_id == payment_id)
        )
    ).first()
    contribution_id, receipt_id = found or (None, payment_id)
    steps = []
    if contribution_id is not None:
        steps += _intent_steps(session, contribution_id)
    if receipt_id is not None:
        steps += _money_steps(session, receipt_id)
    return sorted(steps, key=lambda step: step.at)


def intent_of(session: Session, payment_id: uuid.UUID) -> Intent | None:
    """What was wished with a payment (ids as for `payment_way`); None when nobody asked us for it."""
    found = session.execute(
        select(Contribution.period, MemberRow.id, MemberRow.number, Contribution.asked_by)
        .join(MemberRow, MemberRow.id == Contribution.member_id)
        .where((Contribution.id == payment_id) | (Contribution.receipt_id == payment_id))
    ).first()
    return None if found is None else Intent(*found)


def _intent_steps(session: Session, contribution_id: uuid.UUID) -> list[WayStep]:
    events = session.scalars(
        select(ContributionEvent)
        .where(ContributionEvent.contribution_id == contribution_id)
        .order_by(ContributionEvent.number)
    )
    # That money arrived is said by the receipt, with the wallet's own time.
    return [
        WayStep(INTENT_STATES[ContributionState(event.state)], event.at, event.why)
        for event in events
        if event.state != ContributionState.PAID
    ]


def _money_steps(session: Session, receipt_id: uuid.UUID) -> list[WayStep]:
    row = session.execute(
        select(Receipt, RegistryPosting, wallets_code())
        .outerjoin(RegistryPosting, RegistryPosting.receipt_id == Receipt.id)
        .where(Receipt.id == receipt_id)
    ).first()
    if row is None:
        return []
    receipt, posting, code = row
    seen_at, listed_by = _listed(session, receipt, code)
    times: list[tuple[PaymentState, datetime | None, str]] = [
        (PaymentState.RECEIVED, receipt.recorded_at, f"{receipt.source}: {receipt.match_step}"),
        (PaymentState.CONFIRMED, seen_at, listed_by),
        (PaymentState.POSTED, posting.posted_at if posting else None, ""),
        (PaymentState.ACKNOWLEDGED, posting.acknowledged_at if posting else None, ""),
        (PaymentState.REVERSED, receipt.reversed_at, ""),
    ]
    return [WayStep(state, at, why) for state, at, why in times if at is not None]


def _listed(session: Session, receipt: Receipt, code: str) -> tuple[datetime | None, str]:
    """Since when a list has the payment, and which: those with our amount, if any has it."""
    lines = session.execute(
        select(StoredLine.source, StoredLine.amount_cents, StoredLine.seen_at).where(
            StoredLine.wallet == receipt.wallet,
            StoredLine.shortcode == receipt.shortcode,
            StoredLine.receipt == code,
            StoredLine.kind == LineKind.CREDIT,
        )
    ).all()
    agree = [line for line in lines if line.amount_cents == receipt.amount_cents] or lines
    listed_by = ", ".join(sorted({line.source for line in agree}))
    return min((line.seen_at for line in lines), default=None), listed_by
