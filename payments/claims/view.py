"""Claims as staff see them: those that a person must decide, and all to one receipt."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from members.tables import MemberRow
from payments.claims.model import ClaimState
from payments.claims.tables import Claim
from payments.receipts.tables import Receipt

ROWS_MAX = 50


@dataclass(frozen=True, slots=True)
class SeenClaim:
    """One claim, without personal data. `receipt_id` is empty while no wallet lists the code.

    `waits`: a person must decide, or close it.
    """

    claim_id: uuid.UUID
    code: str
    receipt_id: uuid.UUID | None
    member_id: uuid.UUID
    member_number: str
    state: str
    waits: bool
    why: str
    claimed_at: datetime


def claims_for_staff(session: Session, *, limit: int = ROWS_MAX) -> Sequence[SeenClaim]:
    """What waits for a person, oldest first. A claim ends by itself once its money is the claimant's."""
    return _seen(session, _claims().where(_waits()).order_by(Claim.claimed_at, Claim.id).limit(limit))


def count_for_staff(session: Session) -> int:
    """How many wait for a person."""
    waiting = select(func.count()).select_from(Claim).outerjoin(Receipt, Receipt.id == Claim.receipt_id)
    return session.scalar(waiting.where(_waits())) or 0


def claims_to(session: Session, receipt: Receipt) -> Sequence[SeenClaim]:
    """Who claimed this payment and does not have it, oldest first; also who did before it was known."""
    is_its = (Claim.receipt == receipt.receipt) & (
        (Claim.receipt_id == receipt.id) | Claim.receipt_id.is_(None)
    )
    query = _claims().where(is_its, ~_has_it()).order_by(Claim.claimed_at, Claim.id).limit(ROWS_MAX)
    return _seen(session, query)


def _claims() -> Select[Claim, str, bool]:
    return (
        select(Claim, MemberRow.number, _waits())
        .join(MemberRow, MemberRow.id == Claim.member_id)
        .outerjoin(Receipt, Receipt.id == Claim.receipt_id)
    )


def _waits() -> ColumnElement[bool]:
    return (Claim.state == ClaimState.STAFF) & Receipt.reversed_at.is_(None) & ~_has_it()


def _has_it() -> ColumnElement[bool]:
    """SQL: the money is the claimant's, or a part of it."""
    part = aliased(Receipt)
    has_a_part = exists().where(part.part_of == Claim.receipt_id, part.member_id == Claim.member_id)
    return Receipt.member_id.is_not_distinct_from(Claim.member_id) | has_a_part


def _seen(session: Session, query: Select[Claim, str, bool]) -> list[SeenClaim]:
    return [
        SeenClaim(
            claim_id=row.id,
            code=row.receipt,
            receipt_id=row.receipt_id,
            member_id=row.member_id,
            member_number=number,
            state=row.state,
            waits=waits,
            why=row.why,
            claimed_at=row.claimed_at,
        )
        for row, number, waits in session.execute(query)
    ]
