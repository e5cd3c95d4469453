"""What a scheme says of saving plans: suggested amounts, seasons, and when one may be reminded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from payments.plans.model import Rhythm

_LEAP_YEAR = 2024
_HOURS = range(25)


@dataclass(frozen=True, slots=True)
class PlanRules:
    """`suggested_cents` by rhythm. Seasons begin on `season_starts` (`MM-DD`).

    Reminders are written from `remind_at_hour` on, `days_before_end` of a period or later, and are sent from
    `quiet_until_hour` up to `quiet_from_hour` only. After `ignored_max` without a payment they stop.
    """

    suggested_cents: Mapping[Rhythm, tuple[int, ...]] = field(default_factory=dict)
    season_starts: tuple[str, ...] = ("01-01",)
    remind_at_hour: int = 18
    quiet_until_hour: int = 7
    quiet_from_hour: int = 19
    days_before_end: Mapping[Rhythm, int] = field(default_factory=lambda: dict.fromkeys(Rhythm, 0))
    ignored_max: int = 3

    def may_remind_at(self, hour: int) -> bool:
        """Whether a reminder may reach a phone in this hour of the fund's day."""
        return self.quiet_until_hour <= hour < self.quiet_from_hour


def read_plan_rules(document: Mapping[str, Any]) -> PlanRules:
    """The `plans` of one set of rules. Raises KeyError, TypeError or ValueError for any other form."""
    hours = [document[name] for name in ("quiet_until_hour", "remind_at_hour", "quiet_from_hour")]
    suggested = {rhythm: tuple(document["suggested_cents"][rhythm.value]) for rhythm in Rhythm}
    before = {rhythm: int(document["days_before_end"][rhythm.value]) for rhythm in Rhythm}
    starts = tuple(document["season_starts"])
    if hours != sorted(set(hours)) or any(hour not in _HOURS for hour in hours):
        raise ValueError("the hours of reminders are out of order")
    if not starts or not all(date.fromisoformat(f"{_LEAP_YEAR}-{start}") for start in starts):
        raise ValueError("seasons need the days on which they begin")
    if any(type(cents) is not int for amounts in suggested.values() for cents in amounts):
        raise TypeError("amounts are whole cents")
    until, at, quiet = hours
    return PlanRules(suggested, starts, at, until, quiet, before, int(document["ignored_max"]))
