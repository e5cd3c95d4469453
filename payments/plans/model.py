"""A saving plan as a value: its rhythm, the period a day falls in, how far the member has come."""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from core.money import Money


class Rhythm(StrEnum):
    """How often a member means to save."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    SEASON = "season"


@dataclass(frozen=True, slots=True)
class Period:
    """The fund days of one turn of a plan, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Standing:
    """A member's plan and what was saved in its current period. `rest` is nothing once it is fulfilled."""

    rhythm: Rhythm
    amount: Money
    saved: Money
    reminders: bool

    @property
    def rest(self) -> Money:
        return Money(max(0, self.amount.amount_cents - self.saved.amount_cents), self.amount.currency)


@dataclass(frozen=True, slots=True)
class PlanSet:
    """The plan holds from now on; the one before has ended."""


@dataclass(frozen=True, slots=True)
class PlanRefused:
    """`why`: `out_of_limits`, or the status of the membership."""

    why: str


def period_of(rhythm: Rhythm, day: date, season_starts: tuple[str, ...]) -> Period:
    """The period in which a day falls. Weeks begin on Monday; seasons on the days (`MM-DD`) given."""
    match rhythm:
        case Rhythm.DAY:
            return Period(day, day)
        case Rhythm.WEEK:
            monday = day - timedelta(days=day.weekday())
            return Period(monday, monday + timedelta(days=6))
        case Rhythm.MONTH:
            return Period(day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))
        case Rhythm.SEASON:
            return _season(day, season_starts)


def _season(day: date, season_starts: tuple[str, ...]) -> Period:
    starts = sorted(
        date.fromisoformat(f"{year}-{start}")
        for year in (day.year - 1, day.year, day.year + 1)
        for start in season_starts
    )
    first = max(start for start in starts if start <= day)
    following = min(start for start in starts if start > day)
    return Period(first, following - timedelta(days=1))
