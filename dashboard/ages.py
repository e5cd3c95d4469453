"""How old differences are, in the buckets that reconciliation counts by."""

from datetime import datetime, timedelta
from enum import StrEnum


class AgeBucket(StrEnum):
    """Whole days since a difference was first seen."""

    FRESH = "0-1"
    DAYS = "2-3"
    WEEK = "4-7"
    MONTH = "8-30"
    OLD = "31-"

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime]:
        """First seen after the first (None: ever), and not after the second."""
        first, _, last = self.value.partition("-")
        newest = now - timedelta(days=int(first))
        return (now - timedelta(days=int(last) + 1) if last else None), newest
