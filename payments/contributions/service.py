"""Asking to save, and moving an intent from state to state. Nothing here calls a wallet."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, BigInteger, ColumnElement, SQLColumnExpression, func, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core import outbox
from core.ids import new_id
from core.money import Money
from core.phone import PhoneNumber
from members.model import Status
from members.tables import MemberRow
from payments.contributions.model import (
    AlreadyOpen,
    NotAllowed,
    OutOfLimits,
    Requested,
    RequestOutcome,
    Terms,
)
from payments.contributions.tables import Contribution, ContributionEvent
from payments.model import OPEN_STATES, Channel, ContributionState
from payments.payers import payer_index
from payments.receipts.tables import Receipt

_USUAL_AMOUNTS_MAX = 3
_HISTORY_LENGTH = 20
_WHY_CHARACTERS_MAX = 300
# What nobody has heard of for longer is looked into, and not promised.
_ON_ITS_WAY = timedelta(hours=24)
_ASK_AGAIN_AFTER = timedelta(seconds=60)
# Stands in the outbox key of a question about a prompt that seemed to be over; the time follows, since
# doubt may come more than once.
AGAIN = ":again:"


def request(
    session: Session,
    terms: Terms,
    *,
    key: str,
    member_id: uuid.UUID,
    phone: PhoneNumber,
    amount_cents: int,
    channel: Channel,
    now: datetime,
    network_code: str = "",
    asked_by: uuid.UUID | None = None,
    period: str | None = None,
) -> RequestOutcome:
    """Keep the wish to save and remember to prompt. `key` names the hop or message it came by.

    `network_code`: where the phone is, as the aggregator says; it tells whose wallet asks. `asked_by`: the
    member who pays, when it is not `member_id` whose savings they are. `period`: the month it counts for.
    """
    before = _same_wish(session, key)
    if before is not None:
        return before
    if not terms.scheme.allows(amount_cents):
        return OutOfLimits(terms.scheme.minimum, terms.scheme.maximum)
    status = session.scalar(select(MemberRow.status).where(MemberRow.id == member_id))
    if status is None or not Status(status).is_open:
        return NotAllowed(status or "unknown_member")
    payer = payer_index(session, phone)
    left_cents = _left_today(session, terms, payer)
    if left_cents is not None and amount_cents > left_cents:
        return OutOfLimits(terms.scheme.minimum, Money(max(0, left_cents), terms.scheme.currency))
    contribution_id = new_id()
    account = terms.wallets.choose(phone, network_code)
    values = {
        "id": contribution_id,
        "key": key,
        "member_id": member_id,
        "asked_by": asked_by,
        "period": period,
        "phone": phone.e164,
        "payer_index": payer,
        "wallet": account.wallet,
        "shortcode": account.shortcode,
        "amount_cents": amount_cents,
        "currency": terms.scheme.currency,
        "channel": channel,
        "state": ContributionState.REQUESTED,
        "requested_at": now,
    }
    # No target: the key of a hop posted twice at once and the phone's open prompt both count.
    kept = session.execute(
        insert(Contribution).values(values).on_conflict_do_nothing().returning(Contribution.id)
    ).first()
    if kept is None:
        return _who_was_first(session, key, payer)
    note(session, contribution_id, ContributionState.REQUESTED, f"asked by {channel}", now=now)
    payload = {"contribution_id": str(contribution_id)}
    outbox.add(session, "prompt", str(contribution_id), payload, now=now, due_at=now + terms.prompt_after)
    return Requested(contribution_id, account.wallet)


def on_its_way_cents(session: Session, member_id: uuid.UUID, *, now: datetime) -> int:
    """What was asked for this member within a day and has neither arrived nor surely failed."""
    awaited = Contribution.state.in_((*OPEN_STATES, ContributionState.UNKNOWN)) | Contribution.said_paid
    found = session.scalar(
        select(func.sum(Contribution.amount_cents)).where(
            Contribution.member_id == member_id,
            Contribution.requested_at > now - _ON_ITS_WAY,
            Contribution.receipt_id.is_(None),
            awaited,
        )
    )
    return int(found or 0)


def _left_today(session: Session, terms: Terms, payer: str | None) -> int | None:
    """What this phone may still pay today, in cents: prompts that were paid or may be paid count."""
    if terms.day_began_at is None:
        return None
    counted = (*OPEN_STATES, ContributionState.UNKNOWN, ContributionState.PAID)
    today = session.scalar(
        select(func.sum(Contribution.amount_cents)).where(
            Contribution.payer_index == payer,
            Contribution.requested_at >= terms.day_began_at,
            Contribution.state.in_(counted),
        )
    )
    return terms.scheme.day_max_cents - int(today or 0)


def _same_wish(session: Session, key: str) -> Requested | None:
    same = session.execute(
        select(Contribution.id, Contribution.wallet).where(Contribution.key == key)
    ).first()
    return None if same is None else Requested(same.id, same.wallet)


def _who_was_first(session: Session, key: str, payer: str | None) -> RequestOutcome:
    same = _same_wish(session, key)
    if same is not None:
        return same
    open_one = session.scalars(
        select(Contribution).where(Contribution.payer_index == payer, Contribution.state.in_(OPEN_STATES))
    ).first()
    if open_one is None:
        # It was finished between our two statements: asking again will work.
        return NotAllowed("try_again")
    return AlreadyOpen(open_one.id, Money(open_one.amount_cents, open_one.currency), open_one.wallet)


def usual_amounts_of(member_id: SQLColumnExpression[uuid.UUID]) -> ColumnElement[list[int]]:
    """Up to three amounts in cents that a member saves, most usual first, from the last twenty payments: a
    column of a statement about members.
    """
    last = (
        select(Receipt.amount_cents, Receipt.paid_at)
        .where(Receipt.member_id == member_id, Receipt.reversed_at.is_(None))
        .order_by(Receipt.paid_at.desc())
        .limit(_HISTORY_LENGTH)
        .correlate_except(Receipt)
        .subquery()
    )
    usual = (
        select(last.c.amount_cents)
        .where(last.c.amount_cents % 100 == 0)
        .group_by(last.c.amount_cents)
        .order_by(func.count().desc(), func.max(last.c.paid_at).desc())
        .limit(_USUAL_AMOUNTS_MAX)
    )
    return func.array(usual.scalar_subquery(), type_=ARRAY(BigInteger))


def locked(session: Session, contribution_id: uuid.UUID) -> Contribution | None:
    """The contribution, locked until the transaction ends. Take this lock before any receipt is written."""
    return session.scalars(
        select(Contribution)
        .where(Contribution.id == contribution_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def move(
    session: Session, contribution: Contribution, state: ContributionState, why: str, *, now: datetime
) -> None:
    """Put a locked contribution into a state and write down why."""
    contribution.state = state
    waiting = (*OPEN_STATES, ContributionState.UNKNOWN)
    contribution.finished_at = None if state in waiting else now
    note(session, contribution.id, state, why, now=now)


def unknown_since(session: Session, contribution: Contribution) -> datetime | None:
    """Since when nobody knows its end; None when it is known, or still on the phone."""
    if contribution.state != ContributionState.UNKNOWN:
        return None
    return session.scalar(
        select(func.min(ContributionEvent.at)).where(
            ContributionEvent.contribution_id == contribution.id,
            ContributionEvent.state == ContributionState.UNKNOWN,
        )
    )


def mark_paid(session: Session, receipts: Mapping[uuid.UUID, uuid.UUID], why: str, *, now: datetime) -> None:
    """Put locked contributions into PAID, each with its receipt, and write down why, as `move` does."""
    if receipts:
        values = {"ids": list(receipts), "receipts": list(receipts.values()), "now": now, "why": why}
        session.connection().exec_driver_sql(_MARK_PAID, values)


_MARK_PAID = """
WITH paid AS (
  UPDATE contributions c SET receipt_id = u.receipt_id, state = 'paid', finished_at = %(now)s
  FROM unnest(%(ids)s::uuid[], %(receipts)s::uuid[]) AS u (id, receipt_id) WHERE c.id = u.id
  RETURNING c.id
)
INSERT INTO contribution_events (contribution_id, state, at, why)
SELECT id, 'paid', %(now)s, %(why)s FROM paid
"""


def ask_again(
    session: Session,
    contribution: Contribution,
    *,
    now: datetime,
    after: timedelta = _ASK_AGAIN_AFTER,
    because: str = "",
) -> None:
    """Have the wallet asked once more, in a minute: after some codes a late success has been seen.

    Once a second at most, or once for each `because`.
    """
    key = f"{contribution.id}{AGAIN}{because or f'{now:%Y%m%d%H%M%S}'}"
    payload = {"contribution_id": str(contribution.id)}
    outbox.add(session, "ask", key, payload, now=now, due_at=now + after)


def note(
    session: Session, contribution_id: uuid.UUID, state: ContributionState, why: str, *, now: datetime
) -> None:
    """Append to the way of a contribution. `why` holds no personal data."""
    session.execute(
        plain_insert(ContributionEvent).values(
            contribution_id=contribution_id, state=state, at=now, why=why[:_WHY_CHARACTERS_MAX]
        )
    )
