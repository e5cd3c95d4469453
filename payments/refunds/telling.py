"""What payers are told about refunds."""

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import vault_of
from core.phone import PhoneNumber
from members.indexes import MemberIndexes
from members.notices import USUAL_LANGUAGE, tell_member, tell_phone
from members.tables import MemberRow
from payments.receipts.tables import Receipt
from payments.refunds.model import NoRefund, RefundOpened, RefundOutcome
from payments.refunds.tables import Refund

_REFUSALS = {
    # No case is made of it: nobody may be told that staff will look.
    "unknown_receipt": "refund_unknown",
    "divided": "refund_staff",
    "not_double": "refund_single",
    "not_confirmed": "refund_staff",
    "too_late": "refund_staff",
    "reversed": "refund_staff",
    "too_little": "refund_staff",
}


def tell_refunded(session: Session, refund: Refund, receipt: Receipt, *, now: datetime) -> None:
    """Say once that money was given back: to the member, or to the phone it went to."""
    values = {
        "amount_cents": refund.amount_cents,
        "currency": refund.currency,
        "receipt": receipt.receipt,
        "wallet": refund.wallet,
    }
    if refund.member_id is not None:
        tell_member(session, "refunded", refund.member_id, refund.id, now=now, values=values)
    elif refund.phone is not None:
        vault, phone = vault_of(session), PhoneNumber(refund.phone)
        # Whose savings it was nobody knew; who holds the phone may be a member all the same.
        owner = MemberRow.phone_index == MemberIndexes(vault).phone(phone)
        language = session.scalar(select(MemberRow.language).where(owner)) or USUAL_LANGUAGE
        tell_phone(
            session, vault, "refunded", phone, str(refund.id), language=language, now=now, values=values
        )


def tell_wish(
    session: Session,
    member_id: uuid.UUID,
    code: str,
    outcome: RefundOutcome,
    question: uuid.UUID,
    *,
    now: datetime,
) -> None:
    """Answer a member who asked for a double payment back."""
    match outcome:
        case RefundOpened(amount=amount):
            template = "refund_begun"
            values = {"amount_cents": amount.amount_cents, "currency": amount.currency, "receipt": code}
        case NoRefund(why=why):
            template, values = _REFUSALS[why], {"receipt": code}
    tell_member(session, template, member_id, question, now=now, values=values)
