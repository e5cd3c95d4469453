"""Making, changing and ending a plan, and how a member stands with theirs. A plan takes no money."""

import uuid
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.clock import FundCalendar
from core.ids import new_id
from core.money import Money
from members.model import Status
from members.tables import MemberRow
from payments.plans.counting import counts_in
from payments.plans.model import PlanRefused, PlanSet, Rhythm, Standing, period_of
from payments.plans.tables import SavingPlan
from payments.receipts.tables import Receipt
from payments.schemes.rules import Scheme


def set_plan(
    session: Session,
    scheme: Scheme,
    *,
    key: str,
    member_id: uuid.UUID,
    rhythm: Rhythm,
    amount_cents: int,
    reminders: bool,
    now: datetime,
) -> PlanSet | PlanRefused:
    """Begin a plan in place of the one that holds. Idempotent by `key`."""
    if session.scalar(select(SavingPlan.id).where(SavingPlan.key == key)) is not None:
        return PlanSet()
    if not scheme.allows(amount_cents):
        return PlanRefused("out_of_limits")
    # Two phones of one member cannot be: the membership's row orders two hops that come at once.
    status = session.scalar(
        select(MemberRow.status).where(MemberRow.id == member_id).with_for_update(key_share=True)
    )
    if status is None or not Status(status).is_open:
        return PlanRefused(status or "unknown_member")
    stop_plan(session, member_id, now=now)
    values = {
        "id": new_id(),
        "key": key,
        "member_id": member_id,
        "rhythm": rhythm,
        "amount_cents": amount_cents,
        "currency": scheme.currency,
        "reminders": reminders,
        "scheme_from": scheme.effective_from,
        "set_at": now,
    }
    session.execute(insert(SavingPlan).values(values).on_conflict_do_nothing(index_elements=["key"]))
    return PlanSet()


def stop_plan(session: Session, member_id: uuid.UUID, *, now: datetime) -> bool:
    """End the plan that holds. False when there is none."""
    ended = session.execute(
        update(SavingPlan)
        .where(SavingPlan.member_id == member_id, SavingPlan.ended_at.is_(None))
        .values(ended_at=now)
        .returning(SavingPlan.id)
        .execution_options(synchronize_session=False)
    )
    return ended.first() is not None


def set_reminders(session: Session, member_id: uuid.UUID, *, wanted: bool) -> None:
    """Switch the reminders of the plan that holds."""
    session.execute(
        update(SavingPlan)
        .where(SavingPlan.member_id == member_id, SavingPlan.ended_at.is_(None))
        .values(reminders=wanted)
        .execution_options(synchronize_session=False)
    )


def standing(
    session: Session, scheme: Scheme, calendar: FundCalendar, member_id: uuid.UUID, *, now: datetime
) -> Standing | None:
    """The plan that holds and what came in its current period; None without a plan."""
    plan = session.scalars(
        select(SavingPlan).where(SavingPlan.member_id == member_id, SavingPlan.ended_at.is_(None))
    ).first()
    if plan is None:
        return None
    rhythm = Rhythm(plan.rhythm)
    period = period_of(rhythm, calendar.day_of(now), scheme.plans.season_starts)
    saved_cents = session.scalar(
        select(func.sum(Receipt.amount_cents)).where(
            Receipt.member_id == member_id,
            Receipt.currency == plan.currency,
            counts_in(rhythm, period, calendar),
            Receipt.reversed_at.is_(None),
        )
    )
    saved = Money(int(saved_cents or 0), plan.currency)
    return Standing(rhythm, Money(plan.amount_cents, plan.currency), saved, plan.reminders)


def lacks_money(
    session: Session, scheme: Scheme, calendar: FundCalendar, member_id: uuid.UUID, *, now: datetime
) -> bool:
    """Whether a reminder is still true: a plan holds, its reminders are wanted, and money is missing."""
    found = standing(session, scheme, calendar, member_id, now=now)
    return found is not None and found.reminders and found.rest.amount_cents > 0
