"""Reminding of plans: only who asked for it, at a fit hour, once in a period, and not who has paid."""

import uuid
from collections.abc import Callable
from datetime import date, datetime

from sqlalchemy import exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.clock import Clock, FundCalendar
from core.database import Sessions
from core.outbox import Task
from members.consents import current_consents
from members.model import Purpose, Status
from members.notices import REMINDER_TOPIC, tell_member
from members.tables import MemberRow
from payments.contributions.tables import Contribution
from payments.model import OPEN_STATES
from payments.plans.counting import counts_in
from payments.plans.model import Period, Rhythm, period_of
from payments.plans.tables import PlanReminder, SavingPlan
from payments.receipts.tables import Receipt
from payments.schemes.rules import Scheme

TEMPLATE = "plan_reminder"
_BATCH = 200
_NOBODY = uuid.UUID(int=0)


class PlanReminding:
    """Handles the periodic `plan_reminders` task. `scheme_on`: the rules of a fund day."""

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        calendar: FundCalendar,
        scheme_on: Callable[[date], Scheme],
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._calendar = calendar
        self._scheme_on = scheme_on

    def run(self, _: Task) -> None:
        """Write a reminder for every plan that is due one now."""
        now = self._clock.now()
        local = self._calendar.local(now)
        rules = self._scheme_on(local.date()).plans
        if not (rules.remind_at_hour <= local.hour and rules.may_remind_at(local.hour)):
            return
        for rhythm in Rhythm:
            period = period_of(rhythm, local.date(), rules.season_starts)
            if (period.last - local.date()).days <= rules.days_before_end[rhythm]:
                self._remind(rhythm, period, rules.ignored_max, now)

    def _remind(self, rhythm: Rhythm, period: Period, ignored_max: int, now: datetime) -> None:
        after = _NOBODY
        while True:
            with self._sessions.begin() as session:
                plans = self._due(session, rhythm, period, after)
                for plan, saved_cents in plans:
                    if _wants(session, plan, ignored_max):
                        _write(session, plan, period, saved_cents, now=now)
            if len(plans) < _BATCH:
                return
            after = plans[-1][0].id

    def _due(
        self, session: Session, rhythm: Rhythm, period: Period, after: uuid.UUID
    ) -> list[tuple[SavingPlan, int]]:
        """Plans that nobody was reminded of in this period, not paid in full and with no prompt open."""
        saved = (
            select(func.coalesce(func.sum(Receipt.amount_cents), 0))
            .where(
                Receipt.member_id == SavingPlan.member_id,
                counts_in(rhythm, period, self._calendar),
                Receipt.reversed_at.is_(None),
            )
            .scalar_subquery()
        )
        reminded = exists(
            select(PlanReminder.plan_id).where(
                PlanReminder.plan_id == SavingPlan.id, PlanReminder.period_first == period.first
            )
        )
        paying = exists(
            select(Contribution.id).where(
                Contribution.member_id == SavingPlan.member_id, Contribution.state.in_(OPEN_STATES)
            )
        )
        rows = session.execute(
            select(SavingPlan, saved)
            .join(MemberRow, MemberRow.id == SavingPlan.member_id)
            .where(
                MemberRow.status.in_([status for status in Status if status.is_open]),
                SavingPlan.rhythm == rhythm,
                SavingPlan.ended_at.is_(None),
                SavingPlan.reminders,
                SavingPlan.id > after,
                ~reminded,
                ~paying,
                saved < SavingPlan.amount_cents,
            )
            .order_by(SavingPlan.id)
            .limit(_BATCH)
        )
        return [(plan, int(saved_cents)) for plan, saved_cents in rows]


def _wants(session: Session, plan: SavingPlan, ignored_max: int) -> bool:
    """Whether the member agrees to reminders, and has not let the last ones pass without saving anything."""
    if not current_consents(session, plan.member_id)[Purpose.REMINDERS]:
        return False
    last_paid = select(func.max(Receipt.paid_at)).where(Receipt.member_id == plan.member_id).scalar_subquery()
    ignored = session.scalar(
        select(func.count())
        .select_from(PlanReminder)
        .where(
            PlanReminder.plan_id == plan.id,
            PlanReminder.written_at >= func.coalesce(last_paid, plan.set_at),
        )
    )
    return (ignored or 0) < ignored_max


def _write(session: Session, plan: SavingPlan, period: Period, saved_cents: int, *, now: datetime) -> None:
    row = {"plan_id": plan.id, "period_first": period.first, "written_at": now}
    first = session.execute(
        insert(PlanReminder).values(row).on_conflict_do_nothing().returning(PlanReminder.plan_id)
    ).first()
    if first is None:
        return
    occasion = uuid.uuid5(plan.id, period.first.isoformat())
    values = {"amount_cents": plan.amount_cents - saved_cents, "currency": plan.currency}
    tell_member(session, TEMPLATE, plan.member_id, occasion, now=now, values=values, topic=REMINDER_TOPIC)
