"""How callers walk: counts per screen, gathered in the process and added to the database every few seconds.

A hop pays for a few additions in memory. What a killed process loses is at most the last few seconds.
"""

import atexit
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from prometheus_client import Counter as PrometheusCounter
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from core.clock import Clock, FundCalendar, PerDay
from core.database import Sessions
from core.logging import log
from menus import Event
from ussd_app.gateway.tables import MenuFunnel

# Events that have a column of their own name.
_COLUMNS: Final = ("entered", "answered", "invalid", "abandoned", "resumed", "ended")
_COUNTED: Final = (*_COLUMNS, "left", "timed", "milliseconds")
# Longer than that nobody thinks: the caller was away, and the mean would say nothing.
_MILLISECONDS_MAX: Final = 180_000
# A network's code is whatever an aggregator posts, and each makes rows that stay: a region has a dozen.
NETWORKS_PER_DAY_MAX: Final = 40
# What differs, many times what a busy day has: so much is kept while the database is away.
_KEPT_MAX: Final = 20_000

SCREENS: Final = PrometheusCounter(
    "kibaba_ussd_screen_events", "What happened on each screen.", ["screen", "event"]
)

_ROW: Final = insert(MenuFunnel)
# One row a time, so that the statement is compiled once and not for every number of rows.
_ADD: Final = _ROW.on_conflict_do_update(
    index_elements=["day", "screen", "graph", "language", "network"],
    set_={name: MenuFunnel.__table__.c[name] + _ROW.excluded[name] for name in _COUNTED},
)


class Marks(NamedTuple):
    """What every event of a hop has in common."""

    graph: str
    language: str
    network: str


class _Happened(NamedTuple):
    """What one answer did; most answers of a day did what another did."""

    day: date
    marks: Marks
    events: tuple[Event, ...]
    answered_on: str


class _Times(NamedTuple):
    """How often, and of those whose caller was waited for: how often and how long in all."""

    times: int = 0
    timed: int = 0
    milliseconds: int = 0

    def plus(self, other: "_Times") -> "_Times":
        return _Times(
            self.times + other.times, self.timed + other.timed, self.milliseconds + other.milliseconds
        )


_ONCE: Final = _Times(1)
_NEVER: Final = _Times()
_Row = tuple[date, str, Marks]


class Funnel:
    """Counts events; `flush` adds them to the database. Safe to use from many threads.

    The networks after the first so many of a day are counted together, as none.
    """

    def __init__(
        self, sessions: Sessions, clock: Clock, calendar: FundCalendar, *, flush_seconds: float = 5.0
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._flush_seconds = flush_seconds
        self._today = PerDay(calendar, calendar.day_of)
        self._lock = threading.Lock()
        # One writes at a time, and who closes waits for them: their connection would outlive the pool.
        self._writing = threading.Lock()
        self._networks = PerDay[set[str]](calendar, lambda _: {""})
        self._happened: dict[_Happened, _Times] = {}
        self._dropped = 0
        self._timer: threading.Timer | None = None
        self._is_closed = False
        atexit.register(self.close)

    def count(
        self,
        marks: Marks,
        events: Iterable[Event],
        answered_on: str = "",
        milliseconds: int | None = None,
    ) -> None:
        """Count what an answer did; `milliseconds` is how long the caller took on `answered_on`."""
        now = self._clock.now()
        day = self._today.at(now)
        is_timed = answered_on and milliseconds is not None and 0 <= milliseconds <= _MILLISECONDS_MAX
        once = _Times(1, 1, milliseconds or 0) if is_timed else _ONCE
        with self._lock:
            known = self._with_known_network(marks, self._networks.at(now))
            self._add(_Happened(day, known, tuple(events), answered_on), once)
            if self._timer is None and not self._is_closed:
                self._timer = threading.Timer(self._flush_seconds, self.flush)
                self._timer.daemon = True
                self._timer.start()

    @staticmethod
    def _with_known_network(marks: Marks, networks: set[str]) -> Marks:
        if marks.network not in networks:
            if len(networks) >= NETWORKS_PER_DAY_MAX:
                return marks._replace(network="")
            networks.add(marks.network)
        return marks

    def _add(self, happened: _Happened, times: _Times) -> None:
        before = self._happened.get(happened)
        if before is None and len(self._happened) >= _KEPT_MAX:
            self._dropped += times.times
        else:
            self._happened[happened] = (before or _NEVER).plus(times)

    def flush(self) -> None:
        """Add what was counted to the database; kept for the next time when it does not answer."""
        with self._writing:
            self._write()

    def _write(self) -> None:
        with self._lock:
            happened, self._happened = self._happened, {}
            dropped, self._dropped = self._dropped, 0
            self._timer = None
        if dropped:
            log.warning("the funnel is full and dropped counts", answers=dropped)
        counts = _counts(happened)
        if not counts:
            return
        try:
            with self._sessions.begin() as database:
                # Rows in one order, so that two processes never wait for each other in a circle.
                database.execute(_ADD, _rows(counts))
        except SQLAlchemyError as error:
            log.warning("the funnel was not written", error=type(error).__name__)
            with self._lock:
                for each, times in happened.items():
                    self._add(each, times)
            return
        for (row, column), count in counts.items():
            if column in _COLUMNS:
                SCREENS.labels(row[1], column).inc(count)

    def close(self) -> None:
        """Write what is left and stop; for the end of a process."""
        with self._lock:
            self._is_closed = True
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            timer.join()
        atexit.unregister(self.close)
        self.flush()


def _counts(happened: Mapping[_Happened, _Times]) -> Counter[tuple[_Row, str]]:
    counts: Counter[tuple[_Row, str]] = Counter()
    for (day, marks, events, answered_on), (times, timed, milliseconds) in happened.items():
        counted = [event for event in events if event.kind in _COLUMNS]
        for event in counted:
            counts[(day, event.screen, marks), event.kind] += times
        if counted and answered_on:
            row = (day, answered_on, marks)
            if any(event.kind == "entered" for event in counted):
                counts[row, "left"] += times
            if timed:
                counts[row, "timed"] += timed
                counts[row, "milliseconds"] += milliseconds
    return counts


def _rows(counts: Counter[tuple[_Row, str]]) -> list[dict[str, Any]]:
    rows: dict[_Row, dict[str, Any]] = {}
    for (row, column), count in counts.items():
        day, screen, marks = row
        values = rows.setdefault(
            row,
            {
                "day": day,
                "screen": screen,
                "graph": marks.graph,
                "language": marks.language,
                "network": marks.network,
                **dict.fromkeys(_COUNTED, 0),
            },
        )
        values[column] = count
    return sorted(
        rows.values(),
        key=lambda values: tuple(values[name] for name in ("day", "screen", "graph", "language", "network")),
    )
