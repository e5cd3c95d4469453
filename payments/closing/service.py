"""Closing days and months for good; later facts count for what is open then, and say where they belong."""

import re
import uuid
from calendar import monthrange
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock, FundCalendar
from core.database import Sessions, advisory_lock
from core.errors import KibabaError
from core.ids import new_id
from core.reasons import REASON_CHARACTERS_MAX, is_reason
from payments.closing.control import CutOff, control_totals
from payments.closing.report import canonical, digest_of, report_lines
from payments.closing.tables import Closing
from payments.model import BreakClass
from payments.reconciliation.due_days import first_day
from payments.reconciliation.tables import Break, ReconciliationRun

# A day is closed when what was on its way at midnight has arrived.
_SETTLES_IN = timedelta(minutes=10)
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
# Of these years a period can be closed; of others there is no money.
YEARS: Final = range(2000, 2100)
# Among the figures of a closing: how many differences of a class were open.
_OPEN: Final = "open_"


class NotToClose(KibabaError):  # noqa: N818 -- it says what was found
    """A period cannot be closed or reopened now. `why` is a short code that pages have words for."""

    code = "not_to_close"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why.replace("_", " "))


@dataclass(frozen=True, slots=True)
class _Water:
    """The highest numbers of what is committed; everything that comes later has higher ones."""

    postings: int
    lines: int


def closable_from(calendar: FundCalendar, day: date) -> datetime:
    """From when on a day can be closed."""
    return calendar.bounds(day)[1] + _SETTLES_IN


class Closings:
    """Opens its own transactions: the numbers are read under a lock that must not be held for long."""

    def __init__(self, sessions: Sessions, clock: Clock, calendar: FundCalendar) -> None:
        self._sessions = sessions
        self._clock = clock
        self._calendar = calendar

    def close_day(self, of: CutOff, *, by: str, reason: str = "") -> Closing:
        """Close one day. Raises NotToClose: it still runs, it or its month is closed, it was not compared, or
        its proof fails, it does not open with what the day before ended with, or the wallet's list lacks
        money of it, and nobody says why it may be closed nevertheless.
        """
        now = self._clock.now()
        if now < closable_from(self._calendar, of.day):
            raise NotToClose("still_runs")
        water = self._high_water()
        with self._sessions.begin() as session, _alone(session, of.wallet, of.shortcode):
            if in_force(session, of.wallet, of.shortcode, "day", of.day.isoformat()):
                raise NotToClose("closed_already")
            # Money of before the first came to be known after its month was closed.
            if in_force(session, of.wallet, of.shortcode, "month", of.day.isoformat()[:7]):
                raise NotToClose("month_closed")
            if not _was_compared(session, of, after=self._calendar.bounds(of.day)[1]):
                raise NotToClose("not_compared")
            closing = self._kept(session, of, "day", of.day.isoformat(), water, by=by, reason=reason, now=now)
            # From here on the report is that of a closed day; its digest is taken once it is one.
            totals = control_totals(session, self._calendar, of)
            if not totals.holds and not is_reason(reason):
                raise NotToClose("does_not_follow" if totals.adds_up else "proof_fails")
            still_open = open_differences(session, of, None)
            if lacks_money(still_open) and not is_reason(reason):
                raise NotToClose("not_on_list")
            closing.figures = totals.as_dict() | {
                f"{_OPEN}{name}": count for name, count in still_open.items()
            }
            closing.digest = digest_of(report_lines(session, self._calendar, of))
            _note(session, closing, "closing.closed", by, reason, now)
        return closing

    def close_month(self, wallet: str, shortcode: str, month: str, *, by: str, reason: str = "") -> Closing:
        """Close a month (`2026-11`) whose days are all closed; its days cannot be reopened before it is.

        Days before the first money are no days of the fund, and need no closing. Raises NotToClose.
        """
        now = self._clock.now()
        days = _days_of(month)
        if now < self._calendar.bounds(days[-1])[1] + _SETTLES_IN:
            raise NotToClose("still_runs")
        water = self._high_water()
        with self._sessions.begin() as session, _alone(session, wallet, shortcode):
            if in_force(session, wallet, shortcode, "month", month):
                raise NotToClose("closed_already")
            closed = session.scalars(
                select(Closing)
                .where(
                    Closing.wallet == wallet,
                    Closing.shortcode == shortcode,
                    Closing.scope == "day",
                    Closing.period.in_([day.isoformat() for day in days]),
                    Closing.reopened_at.is_(None),
                )
                .order_by(Closing.period)
            ).all()
            first = first_day(session, self._calendar, wallet, shortcode)
            begin = first if first is not None and first in days else days[0]
            if not {day.isoformat() for day in days if day >= begin} <= {each.period for each in closed}:
                raise NotToClose("days_open")
            of = CutOff(wallet, shortcode, days[0])
            closing = self._kept(session, of, "month", month, water, by=by, reason=reason, now=now)
            closing.figures = {
                name: sum(int(day.figures[name]) for day in closed)
                for name in ("credits_cents", "charges_cents", "settlements_cents", "reversals_cents", "late")
            } | {"days": {day.period: day.digest for day in closed}}
            closing.digest = digest_of(iter([canonical(closing.figures)]))
            _note(session, closing, "closing.closed", by, reason, now)
        return closing

    def reopen(self, closing_id: uuid.UUID, *, by: str, reason: str) -> Closing:
        """Open a period again. What came meanwhile stays where it counted. Raises NotToClose."""
        if not is_reason(reason):
            raise NotToClose("no_reason")
        now = self._clock.now()
        water = self._high_water()
        with self._sessions.begin() as session:
            closing = session.get(Closing, closing_id)
            if closing is None:
                raise NotToClose("open_already")
            # Who closes the month just now has seen this day closed.
            with _alone(session, closing.wallet, closing.shortcode):
                session.refresh(closing, with_for_update=True)
            if closing.reopened_at is not None:
                raise NotToClose("open_already")
            month_is_closed = closing.scope == "day" and in_force(
                session, closing.wallet, closing.shortcode, "month", closing.period[:7]
            )
            if month_is_closed:
                raise NotToClose("month_closed")
            closing.reopened_at, closing.reopened_by, closing.reopened_reason = now, by, reason
            closing.reopened_postings_through = water.postings
            closing.reopened_lines_through = water.lines
            _note(session, closing, "closing.reopened", by, reason, now)
        return closing

    def _high_water(self) -> _Water:
        # The lock waits for those who write and holds off the next: numbers are drawn after it is had, so
        # whatever is committed later has a higher one. Lines first: an import keeps them for long, and who
        # waits for it must not hold the ledger, which every payment needs.
        with self._sessions.begin() as session:
            session.execute(text("LOCK TABLE wallet_lines, ledger_postings IN SHARE MODE"))
            postings, lines = session.execute(
                text(
                    "SELECT (SELECT coalesce(max(number), 0) FROM ledger_postings), "
                    "(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM wallet_lines_id_seq)"
                )
            ).one()
        return _Water(int(postings), int(lines))

    def _kept(
        self,
        session: Session,
        of: CutOff,
        scope: str,
        period: str,
        water: _Water,
        *,
        by: str,
        reason: str,
        now: datetime,
    ) -> Closing:
        closing = Closing(
            id=new_id(),
            wallet=of.wallet,
            shortcode=of.shortcode,
            scope=scope,
            period=period,
            closed_at=now,
            closed_by=by,
            reason=reason,
            postings_through=water.postings,
            lines_through=water.lines,
            figures={},
            digest="",
        )
        session.add(closing)
        session.flush()
        return closing


def _alone(session: Session, wallet: str, shortcode: str) -> AbstractContextManager[None]:
    """Until the transaction ends nobody else closes or opens a period of this shortcode."""
    return advisory_lock(session, f"closing:{wallet}:{shortcode}")


def in_force(session: Session, wallet: str, shortcode: str, scope: str, period: str) -> Closing | None:
    """The closing of a period, unless it was reopened."""
    return session.scalars(
        select(Closing).where(
            Closing.wallet == wallet,
            Closing.shortcode == shortcode,
            Closing.scope == scope,
            Closing.period == period,
            Closing.reopened_at.is_(None),
        )
    ).first()


def closings(session: Session, wallet: str, shortcode: str, limit: int = 62) -> Sequence[Closing]:
    """The newest closings, reopened ones too."""
    return session.scalars(
        select(Closing)
        .where(Closing.wallet == wallet, Closing.shortcode == shortcode)
        .order_by(Closing.period.desc(), Closing.closed_at.desc())
        .limit(limit)
    ).all()


def still_says(session: Session, calendar: FundCalendar, closing: Closing) -> bool:
    """Whether the report of a closed period, made again from the facts, is what it was to the byte."""
    if closing.scope == "month":
        return digest_of(iter([canonical(closing.figures)])) == closing.digest
    of = CutOff(closing.wallet, closing.shortcode, date.fromisoformat(closing.period))
    return digest_of(report_lines(session, calendar, of)) == closing.digest


def _was_compared(session: Session, of: CutOff, *, after: datetime) -> bool:
    last = session.scalar(
        select(func.max(ReconciliationRun.at)).where(
            ReconciliationRun.wallet == of.wallet,
            ReconciliationRun.shortcode == of.shortcode,
            ReconciliationRun.day == of.day,
        )
    )
    return last is not None and last >= after


def open_differences(session: Session, of: CutOff, closing: Closing | None) -> dict[BreakClass, int]:
    """How many differences of a day are open, by class; of a closed day, how many were when it was closed."""
    if closing is not None:
        kept = {name.removeprefix(_OPEN): n for name, n in closing.figures.items() if name.startswith(_OPEN)}
        return {BreakClass(name): int(count) for name, count in sorted(kept.items())}
    rows = session.execute(
        select(Break.break_class, func.count())
        .where(
            Break.wallet == of.wallet,
            Break.shortcode == of.shortcode,
            Break.day == of.day,
            Break.state == "open",
        )
        .group_by(Break.break_class)
        .order_by(Break.break_class)
    )
    return {BreakClass(name): count for name, count in rows}


def lacks_money(still_open: Mapping[BreakClass, int]) -> bool:
    """Whether the proof of a day is of money that the wallet's own list does not have."""
    return BreakClass.NOT_ON_STATEMENT in still_open


def _days_of(month: str) -> list[date]:
    if not _MONTH.fullmatch(month) or int(month[:4]) not in YEARS:
        raise NotToClose("no_month")
    year, number = int(month[:4]), int(month[5:])
    try:
        return [date(year, number, day) for day in range(1, monthrange(year, number)[1] + 1)]
    except ValueError as error:
        raise NotToClose("no_month") from error


def _note(session: Session, closing: Closing, action: str, by: str, reason: str, now: datetime) -> None:
    session.flush()
    gap_cents = closing.figures.get("opening_gap_cents")
    audit.record(
        session,
        at=now,
        actor=by,
        action=action,
        subject=f"{closing.wallet}:{closing.shortcode}:{closing.period}",
        reason=reason[:REASON_CHARACTERS_MAX],
        details={"scope": closing.scope, "digest": closing.digest, "holds": closing.figures.get("holds")}
        | ({"opening_gap_cents": gap_cents} if gap_cents else {}),
    )
