"""What counts for a period of a plan."""

from sqlalchemy import ColumnElement, select

from core.clock import FundCalendar
from payments.contributions.tables import Contribution
from payments.plans.model import Period, Rhythm
from payments.receipts.tables import Receipt


def counts_in(rhythm: Rhythm, period: Period, calendar: FundCalendar) -> ColumnElement[bool]:
    """SQL: whether a receipt counts for a period. Of a plan by months, what was paid for another month counts
    there, as the registry has it; all else when it was paid.
    """
    start, end = calendar.bounds(period.first)[0], calendar.bounds(period.last)[1]
    in_time = (Receipt.paid_at >= start) & (Receipt.paid_at < end)
    if rhythm is not Rhythm.MONTH:
        return in_time
    month = f"{period.first:%Y-%m}"
    meant = select(Contribution.period).where(Contribution.receipt_id == Receipt.id).limit(1)
    wished = meant.correlate(Receipt).scalar_subquery()
    return (wished == month) | (in_time & wished.is_(None))
