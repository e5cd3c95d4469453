"""Funnels: how callers walk through the menus, and where they leave. Counts only, nobody's data."""

from dataclasses import dataclass
from datetime import date, timedelta

from flask import Blueprint, render_template, request

from dashboard.access import EVERYONE_AT_THE_FUND, allow
from dashboard.funnel import ScreenCount
from dashboard.services import services

routes = Blueprint("funnels", __name__, url_prefix="/funnels")

_DAYS = 7
_DAYS_MAX = 92
# Nobody counted before.
_FIRST_YEAR = 2026
_CODE_CHARACTERS_MAX = 20
# The width of a bar for everybody who came to the busiest screen.
BAR_WIDTH = 190.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One screen's count as a bar: who went on or was done, then who dropped out."""

    count: ScreenCount
    on_width: float
    dropped_width: float

    @property
    def dropped_percent(self) -> int:
        return round(100 * self.count.dropped / self.count.entered) if self.count.entered else 0


@routes.get("/")
@allow(EVERYONE_AT_THE_FUND)
def index() -> str:
    """Screens of a range of days, at most 92; of one language or network when asked."""
    first, last = _range()
    language = request.args.get("language", "")[:_CODE_CHARACTERS_MAX]
    network = request.args.get("network", "")[:_CODE_CHARACTERS_MAX]
    funnel = services().funnel
    counts = [
        count
        for count in funnel.screens(first, last, language=language, network=network)
        if count.entered or count.abandoned
    ]
    languages, networks = funnel.choices(first, last)
    most = max((count.entered for count in counts), default=0)
    return render_template(
        "dashboard/funnels.html",
        first=first,
        last=last,
        language=language,
        network=network,
        languages=languages,
        networks=networks,
        bars=[_bar(count, most) for count in counts],
        box=BAR_WIDTH,
        # Every screen but the first of a call is entered by leaving another.
        calls=max(0, sum(count.entered - count.left for count in counts)),
        dropped=sum(count.dropped for count in counts),
        ended=sum(count.done for count in counts),
        invalid=sum(count.invalid for count in counts),
    )


def _bar(count: ScreenCount, most: int) -> Bar:
    scale = BAR_WIDTH / most if most else 0.0
    dropped = min(count.dropped, count.entered) * scale
    return Bar(count, round(count.entered * scale - dropped, 1), round(dropped, 1))


def _range() -> tuple[date, date]:
    """The days asked for, put in order and within reason; the last seven when they are not to be read."""
    parts = services()
    today = parts.calendar.day_of(parts.clock.now())
    last = _day(request.args.get("last", ""), today)
    first = _day(request.args.get("first", ""), last - timedelta(days=_DAYS - 1))
    first, last = min(first, last), max(first, last)
    return max(first, last - timedelta(days=_DAYS_MAX - 1)), last


def _day(text: str, otherwise: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return otherwise
    return day if day.year >= _FIRST_YEAR else otherwise
