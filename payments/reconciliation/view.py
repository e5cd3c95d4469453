"""What the dashboard shows of a day: totals from the wallet to the registry, and its breaks."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Subquery, case, func, select, true
from sqlalchemy.orm import Session

from core.clock import FundCalendar
from payments.contributions.tables import Contribution
from payments.model import BreakClass, ContributionState, PostingState
from payments.receipts.parts import holds_money
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break, ReconciliationRun
from payments.refunds.model import REFUND_PLACE
from payments.registry_postings.tables import RegistryPosting
from payments.view import is_confirmed

_TOLD = (PostingState.POSTED, PostingState.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Figure:
    """How many payments, and how much in cents."""

    count: int = 0
    amount_cents: int = 0


@dataclass(frozen=True, slots=True)
class DayTotals:
    """A fund day, by the time of payment. What was divided counts by its parts; what the wallet took back,
    and what staff wrote off because it never came, is not received.

    Each of received ≥ confirmed ≥ posted ≥ acknowledged is a part of the one before. `given_back`, or to be
    given back, is confirmed money that goes no further: confirmed - given back - posted still waits.
    `suspense` is received money without a member; `unknown`: prompts whose end nobody knows.
    """

    day: date
    received: Figure
    confirmed: Figure
    given_back: Figure
    posted: Figure
    acknowledged: Figure
    suspense: Figure
    unknown: Figure


@dataclass(frozen=True, slots=True)
class BreakSummary:
    """A break as a list shows it. `amount_cents` is what we believe, `other_amount_cents` what others say."""

    id: uuid.UUID
    wallet: str
    shortcode: str
    day: date
    break_class: BreakClass
    subject: str
    is_open: bool
    state: str
    owner: str | None
    amount_cents: int | None
    other_amount_cents: int | None
    receipt_id: uuid.UUID | None
    contribution_id: uuid.UUID | None
    first_seen: datetime
    last_seen: datetime
    resolved_at: datetime | None
    resolution: str


def day_totals(session: Session, calendar: FundCalendar, day: date) -> DayTotals:
    """The figures of a fund day over all wallets."""
    start, end = calendar.bounds(day)
    facts = _facts(start, end)
    cents = facts.c.cents
    columns: list[ColumnElement[Any]] = []
    for has_come in (
        true(),
        facts.c.is_confirmed,
        facts.c.is_confirmed & facts.c.is_to_give_back,
        facts.c.is_posted,
        facts.c.is_acknowledged,
        facts.c.is_in_suspense,
    ):
        columns += [func.count().filter(has_come), func.coalesce(func.sum(cents).filter(has_come), 0)]
    row = [int(value) for value in session.execute(select(*columns).select_from(facts)).one()]
    figures = [Figure(*pair) for pair in zip(row[::2], row[1::2], strict=True)]
    received, confirmed, given_back, posted, acknowledged, suspense = figures
    return DayTotals(
        day=day,
        received=received,
        confirmed=confirmed,
        given_back=given_back,
        posted=posted,
        acknowledged=acknowledged,
        suspense=suspense,
        unknown=_unknown(session, start, end),
    )


def _facts(start: datetime, end: datetime) -> Subquery:
    """SQL: each payment made between two instants, or each part of it, and how far it has come."""
    told = func.coalesce(RegistryPosting.state.in_(_TOLD), False)
    # What a member asked back may have been told before; by now a correction says that it is void.
    is_to_give_back = func.coalesce(Receipt.staff_place == REFUND_PLACE, False)
    return (
        select(
            Receipt.amount_cents.label("cents"),
            # What was told to the registry was confirmed before: only the rest is looked up in the list.
            case((told, True), else_=is_confirmed()).label("is_confirmed"),
            is_to_give_back.label("is_to_give_back"),
            (told & ~is_to_give_back).label("is_posted"),
            (
                func.coalesce(RegistryPosting.state == PostingState.ACKNOWLEDGED, False) & ~is_to_give_back
            ).label("is_acknowledged"),
            (
                Receipt.member_id.is_(None) & (func.coalesce(Receipt.staff_place, "suspense") == "suspense")
            ).label("is_in_suspense"),
        )
        # A posting keeps when its receipt was paid: those of the day are read at once and not one by one, and
        # not every posting there ever was.
        .outerjoin(
            RegistryPosting,
            (RegistryPosting.receipt_id == Receipt.id)
            & (RegistryPosting.paid_at >= start)
            & (RegistryPosting.paid_at < end),
        )
        .where(
            holds_money(),
            Receipt.paid_at >= start,
            Receipt.paid_at < end,
            Receipt.reversed_at.is_(None),
            Receipt.staff_place.is_distinct_from("written_off"),
        )
        # Keeps the subquery apart, so that nothing is looked up twice.
        .offset(0)
        .subquery()
    )


def _unknown(session: Session, start: datetime, end: datetime) -> Figure:
    count, cents = session.execute(
        select(func.count(), func.coalesce(func.sum(Contribution.amount_cents), 0)).where(
            Contribution.state == ContributionState.UNKNOWN,
            Contribution.requested_at >= start,
            Contribution.requested_at < end,
        )
    ).one()
    return Figure(int(count), int(cents))


def open_breaks(session: Session) -> dict[BreakClass, int]:
    """How many breaks of each class are open, over all days."""
    rows = session.execute(
        select(Break.break_class, func.count()).where(Break.state == "open").group_by(Break.break_class)
    )
    return {BreakClass(name): count for name, count in rows}


def find_break(session: Session, break_id: uuid.UUID) -> BreakSummary | None:
    """One break, or None."""
    row = session.get(Break, break_id)
    return summary(row) if row else None


def last_run(session: Session, wallet: str, shortcode: str, day: date) -> ReconciliationRun | None:
    """The newest reconciliation of a wallet's fund day, or None when it has not been reconciled."""
    return session.scalars(
        select(ReconciliationRun)
        .where(
            ReconciliationRun.wallet == wallet,
            ReconciliationRun.shortcode == shortcode,
            ReconciliationRun.day == day,
        )
        .order_by(ReconciliationRun.at.desc())
        .limit(1)
    ).first()


def summary(row: Break) -> BreakSummary:
    """A stored break as a value."""
    return BreakSummary(
        id=row.id,
        wallet=row.wallet,
        shortcode=row.shortcode,
        day=row.day,
        break_class=BreakClass(row.break_class),
        subject=row.subject,
        is_open=row.state == "open",
        state=row.state,
        owner=row.owner,
        amount_cents=row.amount_cents,
        other_amount_cents=row.other_amount_cents,
        receipt_id=row.receipt_id,
        contribution_id=row.contribution_id,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        resolved_at=row.resolved_at,
        resolution=row.resolution,
    )
