"""Reconciling a fund day of one shortcode: set-based, repeatable, never changing what it compares."""

import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from core.clock import Clock, FundCalendar
from core.database import Sessions, advisory_lock
from core.ids import new_id
from core.outbox import Later, Task
from payments.receipts.model import TWO_MEMBERS
from payments.reconciliation.due_days import STATEMENT_HOURS, due_days
from payments.reconciliation.joining import (
    COUNT_DAY,
    FORGET_DAY,
    JOIN_DAY,
    JOIN_OFTEN,
    JOIN_PARTS,
    LISTED_ANEW,
)
from payments.reconciliation.queries import FIGURES, FIND_BREAKS, RESOLVE_BREAKS
from payments.reconciliation.tables import ReconciliationRun

# What is younger than this is on its way and no break.
_LAGS = {
    "list_lag": timedelta(minutes=1),
    "apply_lag": timedelta(minutes=1),
    "registry_lag": timedelta(minutes=10),
    "outcome_lag": timedelta(minutes=15),
}
_STATEMENT_LAG = timedelta(hours=STATEMENT_HOURS)
_CLOCK_GAP = timedelta(minutes=10)
# Pieces that fit the processor's cache are joined and sorted sooner than what fits the memory. It is given
# back at the end of the transaction.
_ROOM = text("SET LOCAL work_mem = '8MB'")
_INTENT_GAP = timedelta(minutes=15)


def reconcile(
    session: Session,
    calendar: FundCalendar,
    *,
    wallet: str,
    shortcode: str,
    day: date,
    now: datetime,
    free_up_to_cents: int = 0,
) -> uuid.UUID:
    """Compare wallet, ledger and registry for a fund day; returns the id of the run.

    Breaks found are opened or stay open; breaks that vanished are resolved with the reason; what repaired
    itself is written down once. Running again on the same facts finds the same open breaks and resolves none.
    `free_up_to_cents`: the wallet charges nothing for payments up to this.
    """
    with advisory_lock(session, f"reconcile:{wallet}:{shortcode}:{day}"):
        run_id = new_id()
        start, end = calendar.bounds(day)
        facts = {
            "wallet": wallet,
            "shortcode": shortcode,
            "day": day,
            "day_start": start,
            "day_end": end,
            "now": now,
            "run_id": run_id,
            "intent_gap": _INTENT_GAP,
        }
        rules = {
            "list_due": end + _STATEMENT_LAG,
            "clock_gap": _CLOCK_GAP,
            "two_members": TWO_MEMBERS,
            "free_up_to_cents": free_up_to_cents,
        }
        _join(session, facts)
        found = session.execute(FIND_BREAKS, {**facts, **_LAGS, **rules}).all()
        resolved = session.execute(RESOLVE_BREAKS, facts)
        figures = session.execute(FIGURES, facts).mappings().one()
        run = ReconciliationRun(
            id=run_id,
            wallet=wallet,
            shortcode=shortcode,
            day=day,
            at=now,
            breaks_found=len(found),
            breaks_resolved=_rows(resolved),
            **{name: int(value) for name, value in figures.items()},
        )
        session.add(run)
        session.flush()
    return run_id


def _join(session: Session, facts: dict[str, Any]) -> None:
    """Lay the three sides of the day beside each other, in a table that lives as long as the transaction."""
    session.execute(_ROOM)
    session.execute(FORGET_DAY)
    session.execute(JOIN_DAY, facts)
    session.execute(JOIN_PARTS, facts)
    session.execute(JOIN_OFTEN, facts)
    session.execute(COUNT_DAY)
    session.execute(LISTED_ANEW, facts)


def _rows(result: object) -> int:
    assert isinstance(result, CursorResult)
    return int(result.rowcount)


class Reconciling:
    """Handles `reconcile` tasks: `wallet`, `shortcode`, perhaps `day`, or `at` a time of it; else those due.

    `free_up_to`: up to how many cents a payment by a wallet cost nothing on a day.
    """

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        calendar: FundCalendar,
        *,
        free_up_to: Callable[[str, date], int],
    ) -> None:
        self._free_up_to = free_up_to
        self._sessions = sessions
        self._clock = clock
        self._calendar = calendar

    def run(self, task: Task) -> Later | None:
        """Reconcile each day in a transaction of its own."""
        now = self._clock.now()
        wallet, shortcode = str(task.payload["wallet"]), str(task.payload["shortcode"])
        for day in self._days(task, wallet, shortcode, now):
            with self._sessions.begin() as session:
                reconcile(
                    session,
                    self._calendar,
                    wallet=wallet,
                    shortcode=shortcode,
                    day=day,
                    now=now,
                    free_up_to_cents=self._free_up_to(wallet, day),
                )
        return None

    def _days(self, task: Task, wallet: str, shortcode: str, now: datetime) -> Sequence[date]:
        asked = task.payload.get("day")
        if asked is not None:
            return (date.fromisoformat(str(asked)),)
        if "at" in task.payload:
            return (self._calendar.day_of(datetime.fromisoformat(task.payload["at"])),)
        with self._sessions.begin() as session:
            return due_days(session, self._calendar, wallet, shortcode, now=now)
