"""The days to close and how they stand, for the dashboard."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.clock import FundCalendar
from payments.closing.control import ControlTotals, CutOff, control_totals
from payments.closing.tables import Closing
from payments.reconciliation.due_days import first_day
from payments.reconciliation.tables import Break


@dataclass(frozen=True, slots=True)
class DayToClose:
    """One day: its totals, its open differences, and its closing when it has one in force."""

    day: date
    totals: ControlTotals
    breaks_open: int
    closing: Closing | None


def recent_days(
    session: Session, calendar: FundCalendar, *, wallet: str, shortcode: str, until: date, days: int
) -> Sequence[DayToClose]:
    """The days up to `until`, newest first; days before the first money are left out."""
    first = first_day(session, calendar, wallet, shortcode)
    if first is None:
        return []
    begin = max(first, until - timedelta(days=days - 1))
    wanted = [until - timedelta(days=back) for back in range((until - begin).days + 1)]
    closed = {
        row.period: row
        for row in session.scalars(
            select(Closing).where(
                Closing.wallet == wallet,
                Closing.shortcode == shortcode,
                Closing.scope == "day",
                Closing.period.in_([day.isoformat() for day in wanted]),
                Closing.reopened_at.is_(None),
            )
        )
    }
    open_rows = session.execute(
        select(Break.day, func.count())
        .where(
            Break.wallet == wallet,
            Break.shortcode == shortcode,
            Break.state == "open",
            Break.day.in_(wanted),
        )
        .group_by(Break.day)
    )
    open_by_day = {day: number for day, number in open_rows}  # noqa: C416 -- a row is no tuple to mypy
    return [
        DayToClose(
            day=day,
            totals=totals_of(session, calendar, CutOff(wallet, shortcode, day), closed.get(day.isoformat())),
            breaks_open=open_by_day.get(day, 0),
            closing=closed.get(day.isoformat()),
        )
        for day in wanted
    ]


def totals_of(session: Session, calendar: FundCalendar, of: CutOff, closing: Closing | None) -> ControlTotals:
    """Of a closed day what was closed: nothing that comes later changes it."""
    return ControlTotals.of_closing(closing) if closing else control_totals(session, calendar, of)
