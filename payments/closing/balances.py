"""The balances that a day opens and ends with, and the one that it must open with: what was there before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.orm import Session

from core.clock import FundCalendar
from payments.closing.queries import BALANCES_AT, LAST_BALANCE, MOVED_SINCE
from payments.reconciliation.due_days import first_day

# So far back the last balance is looked for, step by step: nearly always it is of the last minutes of the day
# before, and a stretch is read whole.
_STEPS: Final = (timedelta(minutes=10), timedelta(days=1), timedelta(days=31))
# Of so many instants whose lines do not show which of them was the last, an earlier one is taken.
_INSTANTS_MAX = 20
# The wallet's own time of a payment and that of its list may differ a little.
_MARGIN = timedelta(minutes=10)
_NUMBER_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class BalanceBefore:
    """What the lists before a day lead to, and the day of the last line among them."""

    day: date
    cents: int


def balance_before(
    session: Session,
    calendar: FundCalendar,
    wallet: str,
    shortcode: str,
    day: date,
    *,
    lines_through: int | None,
) -> BalanceBefore | None:
    """The last balance that counted for its own day, and all that moved since; None when no list told one.

    A day that was closed ends with what it was closed with. Lines that came after that, and lines without a
    balance (a pull's), are added to it with what they moved: a late list with rows cut out leads elsewhere.
    `lines_through`: the highest number of lines that are looked at; None for all.
    """
    start = calendar.bounds(day)[0]
    parameters: dict[str, Any] = {
        "wallet": wallet,
        "shortcode": shortcode,
        "zone": calendar.zone.key,
        "day_start": start,
        "lines_through": _NUMBER_MAX if lines_through is None else lines_through,
    }
    before = start
    for _ in range(_INSTANTS_MAX):
        at = _last_balance(session, calendar, parameters, before)
        if at is None:
            return None
        cents = closing_of(list(session.execute(BALANCES_AT, parameters | {"at": at})))
        if cents is not None:
            times = {"at": at, "margin_start": at - _MARGIN}
            since = session.execute(MOVED_SINCE, parameters | times).one()
            return BalanceBefore(calendar.day_of(max(at, since.last_at or at)), cents + since.cents)
        before = at
    return None


def _last_balance(
    session: Session, calendar: FundCalendar, parameters: dict[str, Any], before: datetime
) -> datetime | None:
    for start, end in _stretches(session, calendar, parameters, before):
        at: datetime | None = session.scalar(
            LAST_BALANCE, parameters | {"stretch_start": start, "stretch_end": end}
        )
        if at is not None:
            return at
    return None


def _stretches(
    session: Session, calendar: FundCalendar, parameters: dict[str, Any], before: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """From the nearest to the farthest, none before the first money: lines of other accounts lie there."""
    yield before - _STEPS[0], before
    first = first_day(session, calendar, parameters["wallet"], parameters["shortcode"])
    if first is None:
        return
    begin, end = calendar.bounds(first)[0], before - _STEPS[0]
    for start in [*(max(begin, before - step) for step in _STEPS[1:]), begin]:
        if start < end:
            yield start, end
            end = start


def opening_of(first: Sequence[Row[Any]]) -> int | None:
    """The balance before the first line: of lines of one second, the one that no other of them led to."""
    reached = [row.balance_after_cents for row in first]
    before = [row.balance_after_cents - row.amount_cents for row in first]
    return _left_over(before, reached)


def closing_of(last: Sequence[Row[Any]]) -> int | None:
    """The balance after the last line: of lines of one second, the one that no other of them began with."""
    reached = [row.balance_after_cents for row in last]
    return _left_over(reached, [row.balance_after_cents - row.amount_cents for row in last])


def _left_over(values: list[int], taken: list[int]) -> int | None:
    """The one of `values` that `taken` does not hold, pair by pair; None when that is not one."""
    left = list(values)
    for value in taken:
        if value in left:
            left.remove(value)
    if len(left) == 1:
        return left[0]
    # A chain that returns to where it began leaves nothing over: begin and end are the same balance.
    return values[0] if values and not left and len(set(values)) == 1 else None
