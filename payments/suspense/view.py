"""What waits in suspense and what is to be refunded: lists for staff, oldest first, keyset-paged."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from payments.particulars import Particulars
from payments.receipts.tables import Receipt
from payments.refunds.model import RefundState
from payments.refunds.tables import Refund
from payments.suspense.model import Act, DecisionState, Place
from payments.suspense.tables import Decision

ROWS_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class SuspenseRow:
    """Money that nobody could be named for: what was typed and who paid, masked."""

    receipt_id: uuid.UUID
    receipt: str
    amount_cents: int
    paid_at: datetime
    why: str
    payer_masked: str
    account_masked: str
    is_proposed: bool


@dataclass(frozen=True, slots=True)
class Total:
    count: int
    amount_cents: int
    oldest: datetime | None


def is_in_suspense() -> ColumnElement[bool]:
    """SQL: the receipt's money waits for an owner."""
    return (
        Receipt.member_id.is_(None)
        & Receipt.reversed_at.is_(None)
        & (func.coalesce(Receipt.staff_place, Place.SUSPENSE.value) == Place.SUSPENSE.value)
    )


def suspense_page(
    session: Session, after: tuple[datetime, uuid.UUID] | None
) -> tuple[Sequence[SuspenseRow], tuple[datetime, uuid.UUID] | None]:
    """One page, oldest first, and the place where the next begins."""
    proposed = (
        select(Decision.id)
        .where(Decision.receipt_id == Receipt.id, Decision.state == DecisionState.PROPOSED)
        .exists()
    )
    query = (
        select(Receipt, proposed.label("proposed"))
        .where(is_in_suspense())
        .order_by(Receipt.paid_at, Receipt.id)
        .limit(ROWS_PER_PAGE + 1)
    )
    if after:
        query = query.where(tuple_(Receipt.paid_at, Receipt.id) > tuple_(*after))
    rows = [_row(receipt, is_proposed) for receipt, is_proposed in session.execute(query)]
    if len(rows) <= ROWS_PER_PAGE:
        return rows, None
    last = rows[ROWS_PER_PAGE - 1]
    return rows[:ROWS_PER_PAGE], (last.paid_at, last.receipt_id)


def suspense_total(session: Session) -> Total:
    row = session.execute(
        select(
            func.count(), func.coalesce(func.sum(Receipt.amount_cents), 0), func.min(Receipt.paid_at)
        ).where(is_in_suspense())
    ).one()
    return Total(int(row[0]), int(row[1]), row[2])


def refunds_to_pay(session: Session, limit: int = 100) -> Sequence[tuple[Decision, Receipt]]:
    """Refunds that were decided and are not paid out yet, oldest first."""
    paid = select(Refund.id).where(Refund.receipt_id == Receipt.id, Refund.state == RefundState.PAID).exists()
    # Between two of one payment staff gave it somewhere else: the newest counts.
    later = aliased(Decision)
    decided_again = exists().where(
        later.receipt_id == Decision.receipt_id,
        later.act == Act.REFUND,
        later.state == DecisionState.DONE,
        tuple_(later.done_at, later.id) > tuple_(Decision.done_at, Decision.id),
    )
    rows = session.execute(
        select(Decision, Receipt)
        .join(Receipt, Receipt.id == Decision.receipt_id)
        .where(
            Decision.act == Act.REFUND,
            Decision.state == DecisionState.DONE,
            Receipt.staff_place == Place.REFUND,
            Receipt.reversed_at.is_(None),
            ~paid,
            ~decided_again,
        )
        .order_by(Decision.done_at)
        .limit(limit)
    )
    return [(decision, receipt) for decision, receipt in rows]


def _row(receipt: Receipt, is_proposed: bool) -> SuspenseRow:
    known = Particulars.from_json(receipt.particulars)
    return SuspenseRow(
        receipt_id=receipt.id,
        receipt=receipt.receipt,
        amount_cents=receipt.amount_cents,
        paid_at=receipt.paid_at,
        why=receipt.match_why,
        payer_masked=known.payer_masked,
        account_masked=known.account_masked,
        is_proposed=is_proposed,
    )
