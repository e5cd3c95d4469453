"""Claims that a person must decide, as staff see them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from members.tables import MemberRow
from payments.claims.model import ClaimState
from payments.claims.tables import Claim
from payments.receipts.tables import Receipt


@dataclass(frozen=True, slots=True)
class WaitingClaim:
    """One claim for staff. `receipt_id` is empty while no wallet lists the code. No personal data."""

    code: str
    receipt_id: uuid.UUID | None
    member_id: uuid.UUID
    member_number: str
    why: str
    claimed_at: datetime


def claims_for_staff(session: Session, *, limit: int = 50) -> Sequence[WaitingClaim]:
    """What waits for a person, oldest first. A claim ends by itself once its money is the claimant's."""
    part = aliased(Receipt)
    has_a_part = exists().where(part.part_of == Claim.receipt_id, part.member_id == Claim.member_id)
    rows = session.execute(
        select(Claim, MemberRow.number)
        .join(MemberRow, MemberRow.id == Claim.member_id)
        .outerjoin(Receipt, Receipt.id == Claim.receipt_id)
        .where(
            Claim.state == ClaimState.STAFF,
            Receipt.member_id.is_distinct_from(Claim.member_id),
            Receipt.reversed_at.is_(None),
            ~has_a_part,
        )
        .order_by(Claim.claimed_at)
        .limit(limit)
    )
    return [
        WaitingClaim(row.receipt, row.receipt_id, row.member_id, number, row.why, row.claimed_at)
        for row, number in rows
    ]
