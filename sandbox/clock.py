"""The sandbox's time: the machine's, moved forward by as much as a test asks for."""

import time
from datetime import UTC, date, datetime, timedelta, timezone

from sandbox.store import Store

# Kenya has had no other offset since 1960, so a fixed one needs no time zone database.
EAST_AFRICA = timezone(timedelta(hours=3), "EAT")


class Clock:
    """Unix seconds UTC, plus the offset kept in the store so that a restart does not go back in time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._offset_seconds = float(store.fact("clock_offset_seconds") or 0)

    @property
    def offset_seconds(self) -> float:
        return self._offset_seconds

    def now(self) -> float:
        return time.time() + self._offset_seconds

    def advance(self, seconds: float) -> None:
        self._offset_seconds += seconds
        self._store.put_fact("clock_offset_seconds", str(self._offset_seconds))

    def set_back_to_real(self) -> None:
        self.advance(-self._offset_seconds)


def eat(instant: float) -> datetime:
    """The wall clock in Nairobi at `instant` (Unix seconds)."""
    return datetime.fromtimestamp(instant, EAST_AFRICA)


def compact(instant: float) -> str:
    """`YYYYMMDDHHmmss` East Africa Time, as Daraja writes instants."""
    return eat(instant).strftime("%Y%m%d%H%M%S")


def iso_utc(instant: float) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day_bounds(day: date) -> tuple[float, float]:
    """First instant of `day` in Nairobi, and first instant of the next day."""
    start = datetime(day.year, day.month, day.day, tzinfo=EAST_AFRICA)
    return start.timestamp(), (start + timedelta(days=1)).timestamp()
