"""For whom, by whom and for which month the payments on one member's statement were made."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from members.tables import MemberRow
from payments.contributions.tables import Contribution
from payments.receipts.tables import Receipt
from payments.view import Payment


@dataclass(frozen=True, slots=True)
class OtherMember:
    """Who stands behind a payment beside the one whose statement it is on."""

    member_id: uuid.UUID
    number: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What is special about a payment as one member sees it.

    `for_member`: whose savings it is, when it is not theirs. `paid_by`: the member who paid it, when they did
    not. `period`: the month (`YYYY-MM`) it counts for, when it is not that of the payment.
    """

    period: str | None
    for_member: OtherMember | None
    paid_by: OtherMember | None


def wishes_among(
    session: Session, member_id: uuid.UUID, payments: Sequence[Payment]
) -> Mapping[uuid.UUID, Wish]:
    """By `Payment.id`, those of a member's payments that are for or by another, or for another month."""
    named = {payment.contribution_id: payment.id for payment in payments if payment.contribution_id}
    if not named:
        return {}
    owner, payer = aliased(MemberRow), aliased(MemberRow)
    found = session.execute(
        select(Contribution.id, Contribution.period, owner.id, owner.number, payer.id, payer.number)
        .outerjoin(Receipt, Receipt.id == Contribution.receipt_id)
        # Staff may have moved the money since.
        .join(owner, owner.id == func.coalesce(Receipt.member_id, Contribution.member_id))
        .outerjoin(payer, payer.id == Contribution.asked_by)
        .where(
            Contribution.id.in_(named),
            Contribution.asked_by.is_not(None) | Contribution.period.is_not(None),
        )
    )
    wishes = {}
    for wish_id, period, owner_id, owner_number, payer_id, payer_number in found:
        others = (
            OtherMember(owner_id, owner_number) if owner_id != member_id else None,
            OtherMember(payer_id, payer_number) if payer_id and payer_id != member_id else None,
        )
        if period or any(others):
            wishes[named[wish_id]] = Wish(period, *others)
    return wishes
