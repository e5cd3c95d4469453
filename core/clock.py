"""Time: instants are aware and UTC; days, cut-offs and quiet hours are the fund's own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")


class Clock(Protocol):
    """Where the current instant comes from."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FundCalendar:
    """The fund's days: a day runs from midnight to midnight in the fund's own zone."""

    zone: ZoneInfo

    def day_of(self, instant: datetime) -> date:
        """The fund's day on which an aware instant falls."""
        return instant.astimezone(self.zone).date()

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        """The first instant of a day and the first of the next, in UTC."""
        start = datetime.combine(day, time(), self.zone)
        end = datetime.combine(day + timedelta(days=1), time(), self.zone)
        return start.astimezone(UTC), end.astimezone(UTC)

    def local(self, instant: datetime) -> datetime:
        """The same instant as the fund's clocks show it."""
        return instant.astimezone(self.zone)

    def minute(self, instant: datetime) -> str:
        """ISO 8601 as the fund's clocks show it, to the minute: `2026-11-22T10:30`."""
        return self.local(instant).strftime("%Y-%m-%dT%H:%M")


class PerDay(Generic[T]):
    """What is the same at every instant of a fund day, made once and kept until the day is over.

    Safe to use from many threads: at midnight each may make it once more.
    """

    def __init__(self, calendar: FundCalendar, make: Callable[[datetime], T]) -> None:
        self._calendar = calendar
        self._make = make
        self._kept: tuple[datetime, datetime, T] | None = None

    def at(self, instant: datetime) -> T:
        """That of the day on which an aware instant falls."""
        kept = self._kept
        if kept is None or not kept[0] <= instant < kept[1]:
            bounds = self._calendar.bounds(self._calendar.day_of(instant))
            kept = self._kept = *bounds, self._make(instant)
        return kept[2]
