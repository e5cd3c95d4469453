"""What the reports hold: the days of a month with their proofs, and open differences by kind and age."""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit_heads import AuditHead
from core.errors import InvalidValue
from dashboard import accounts
from dashboard.ages import AgeBucket
from dashboard.breaks import AgeCount, BreakFilter, by_age, by_class
from dashboard.catalogue import text, word
from dashboard.day_proof import verdict_on
from dashboard.exporting import Cell, decimal
from dashboard.services import Services
from dashboard.showing import iso
from payments.closing.view import DayToClose, recent_days
from payments.model import BreakClass

_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
_DAY_COLUMNS = (
    "opening_cents", "credits_cents", "charges_cents", "settlements_cents", "reversals_cents", "other_cents",
    "statement_cents", "ledger_in_cents", "ledger_moved_cents", "gap_cents", "ledger_gap_cents",
    "opening_gap_cents",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KindByAge:
    """One kind of difference, its count and cents at risk in each age bucket, youngest first."""

    break_class: BreakClass
    ages: Sequence[AgeCount]

    @property
    def count(self) -> int:
        return sum(age.count for age in self.ages)

    @property
    def at_risk_cents(self) -> int:
        return sum(age.at_risk_cents for age in self.ages)


def read_month(typed: str, *, today: date) -> date:
    """The first day of a month written `2026-11`; the present one when nothing was. Raises InvalidValue."""
    if not typed:
        return today.replace(day=1)
    if not _MONTH.fullmatch(typed):
        raise InvalidValue("not a month")
    return min(date.fromisoformat(f"{typed}-01"), today.replace(day=1))


def days_of(session: Session, parts: Services, month: date, *, today: date) -> Sequence[DayToClose]:
    """The days of a month up to today, oldest first."""
    length = monthrange(month.year, month.month)[1]
    until = min(month.replace(day=length), today)
    account = accounts.chosen()
    days = recent_days(
        session,
        parts.calendar,
        wallet=account.wallet,
        shortcode=account.shortcode,
        until=until,
        days=until.day,
    )
    return list(reversed(days))


def kinds_by_age(session: Session, now: datetime) -> Sequence[KindByAge]:
    """Open differences, most money first."""
    kinds = by_class(session, BreakFilter())
    return [
        KindByAge(kind.break_class, by_age(session, BreakFilter(break_class=kind.break_class, now=now)))
        for kind in kinds
    ]


def day_table(days: Sequence[DayToClose], names: Mapping[str, str]) -> tuple[list[str], list[list[Cell]]]:
    """Head and rows for a file."""
    head = [text("reports.day"), *(text(f"reports.column.{name}") for name in _DAY_COLUMNS)]
    head += [text("reports.lines"), text("closings.open"), text("closings.proof")]
    head += [text("reports.closed_at"), text("reports.closed_by"), text("reports.digest")]
    rows = []
    for each in days:
        closing = each.closing
        row: list[Cell] = [each.day.isoformat()]
        row += [decimal(getattr(each.totals, name)) for name in _DAY_COLUMNS]
        row += [each.totals.lines, each.breaks_open]
        row.append(verdict_on(each.totals))
        row.append(iso(closing.closed_at) if closing else None)
        row.append(names.get(closing.closed_by, closing.closed_by) if closing else None)
        row.append(closing.digest if closing else None)
        rows.append(row)
    return head, rows


def age_table(kinds: Sequence[KindByAge], currency: str) -> tuple[list[str], list[list[Cell]]]:
    """Head and rows for a file: for each age how many and how much."""
    at_risk = text("exceptions.at_risk", currency=currency)
    head = [text("exceptions.kind")]
    for bucket in AgeBucket:
        name = word("age_bucket", bucket)
        head += [name, f"{name}, {at_risk}"]
    head += [text("today.count"), at_risk]
    rows = []
    for kind in kinds:
        row: list[Cell] = [word("break_class", kind.break_class)]
        for age in kind.ages:
            row += [age.count, decimal(age.at_risk_cents)]
        rows.append([*row, kind.count, decimal(kind.at_risk_cents)])
    return head, rows


def head_rows(session: Session) -> Iterator[list[Cell]]:
    """Every kept head of the audit chain, oldest first."""
    for head in session.scalars(select(AuditHead).order_by(AuditHead.day)):
        yield [head.day.isoformat(), head.number, head.hash, iso(head.at)]
