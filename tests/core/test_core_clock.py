"""What is kept for a fund day is that day's, whatever the clock does."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from core.clock import FundCalendar, PerDay


def test_what_a_day_has_is_made_once_and_anew_after_midnight() -> None:
    calendar = FundCalendar(ZoneInfo("Africa/Nairobi"))
    made: list[datetime] = []

    def make(instant: datetime) -> date:
        made.append(instant)
        return calendar.day_of(instant)

    kept = PerDay(calendar, make)
    noon = datetime(2026, 11, 22, 9, tzinfo=UTC)
    midnight = datetime(2026, 11, 22, 21, tzinfo=UTC)
    last = midnight - timedelta(microseconds=1)
    assert [kept.at(instant) for instant in (noon, last, noon)] == [date(2026, 11, 22)] * 3
    assert made == [noon]
    # A clock that was put back asks about yesterday once more.
    assert [kept.at(instant) for instant in (midnight, last)] == [date(2026, 11, 23), date(2026, 11, 22)]
    assert made == [noon, midnight, last]
