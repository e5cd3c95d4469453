"""Prompts of ours that nobody saw paid yet, and money by hand that may well be their answer."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core.errors import InvalidValue
from members.numbers import MemberNumber
from members.tables import MemberRow
from payments.contributions.tables import Contribution
from payments.model import ContributionState
from payments.payers import payer_index
from payments.receipts.model import Arrival

_BEFORE = timedelta(hours=24)
# The wallet's clock and ours may differ by this much.
_SKEW = timedelta(minutes=5)
# In these states a prompt may have been paid without our knowing.
_MAYBE_PAID = (
    ContributionState.PROMPTING,
    ContributionState.PROMPTED,
    ContributionState.UNKNOWN,
    ContributionState.EXPIRED,
)


def find_intent(session: Session, arrival: Arrival) -> Contribution | None:
    """An unfinished prompt of ours that this money may well be the answer to, locked.

    Member number, amount and, where the payer is known, the phone must be those that we asked.
    """
    try:
        number = MemberNumber.parse(arrival.account)
    except InvalidValue:
        return None
    query = (
        select(Contribution)
        .join(MemberRow, MemberRow.id == Contribution.member_id)
        .where(
            MemberRow.number == number.digits,
            Contribution.wallet == arrival.wallet,
            Contribution.shortcode == arrival.shortcode,
            Contribution.amount_cents == arrival.amount.amount_cents,
            Contribution.receipt_id.is_(None),
            _may_be_paid(),
            Contribution.requested_at.between(arrival.paid_at - _BEFORE, arrival.paid_at + _SKEW),
        )
        # The newest wish before the payment; a later one only when clocks must have differed.
        .order_by((Contribution.requested_at <= arrival.paid_at).desc(), Contribution.requested_at.desc())
        .limit(1)
        .with_for_update(of=Contribution)
    )
    payer = payer_index(session, arrival.payer, arrival.payer_hash)
    if payer is not None:
        query = query.where(Contribution.payer_index == payer)
    return session.scalars(query.execution_options(populate_existing=True)).first()


def prompted_numbers(session: Session, numbers: set[str], first_at: datetime) -> set[str]:
    """Which of these member numbers have a prompt that money of about this time may answer."""
    return set(
        session.scalars(
            select(MemberRow.number)
            .join(Contribution, Contribution.member_id == MemberRow.id)
            .where(
                MemberRow.number.in_(numbers),
                Contribution.receipt_id.is_(None),
                _may_be_paid(),
                Contribution.requested_at >= first_at - _BEFORE,
            )
        )
    )


def _may_be_paid() -> ColumnElement[bool]:
    failed = (Contribution.state == ContributionState.FAILED) & Contribution.may_still_pay
    return Contribution.state.in_(_MAYBE_PAID) | failed
