"""The list of differences: filtered, sorted, counted and paged by the database."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Select, case, exists, func, select, tuple_
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from core.errors import InvalidValue
from dashboard.ages import AgeBucket
from dashboard.paging import cursor, instant_in, read_cursor
from payments.model import BreakClass
from payments.reconciliation.tables import Break
from payments.suspense.model import DecisionState
from payments.suspense.tables import Decision

Chosen = TypeVar("Chosen", bound=Select[*tuple[Any, ...]])

ROWS_PER_PAGE = 50

_REPAIRS_ITSELF = frozenset(
    {
        BreakClass.NOT_IN_LEDGER,
        BreakClass.NOT_POSTED,
        BreakClass.NOT_ACKNOWLEDGED,
        BreakClass.UNKNOWN_OUTCOME,
    }
)
_REPAIRED = frozenset(
    {BreakClass.MISSING_CALLBACK, BreakClass.DUPLICATE_RECEIPT, BreakClass.LATE_ACROSS_CUTOFF}
)
_IS_A_GAP = (BreakClass.AMOUNT_DIFFERS, BreakClass.REGISTRY_AMOUNT_DIFFERS)


class Sort(StrEnum):
    """In which order differences are listed."""

    AGE = "age"
    RISK = "risk"
    KIND = "kind"


@dataclass(frozen=True, slots=True)
class BreakFilter:
    """Which differences; None takes all. As it stands in the address of a list."""

    day: date | None = None
    state: str | None = "open"
    break_class: BreakClass | None = None
    sort: Sort = Sort.AGE
    age: AgeBucket | None = None
    is_mine: bool = False
    # Not part of the address: when the list is looked at, and by whom.
    now: datetime | None = field(default=None, compare=False)
    actor: str = field(default="", compare=False)

    @property
    def is_counted(self) -> bool:
        """Whether what it takes stays few enough to be counted for every page."""
        return self.state == "open" or self.day is not None or self.is_mine

    def arguments(self, **changes: object) -> dict[str, str]:
        """The same filter, changed, as arguments of an address."""
        other = replace(self, **changes)  # type: ignore[arg-type]  # the names are those of this class
        named = {
            "day": other.day and other.day.isoformat(),
            "state": "all" if other.state is None else other.state,
            "kind": other.break_class and other.break_class.value,
            "sort": other.sort.value,
            "age": other.age and other.age.value,
            "mine": "yes" if other.is_mine else None,
        }
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class BreakRow:
    """One difference in a list. Amounts in cents; `at_risk_cents` is what would be lost if nobody acted."""

    id: uuid.UUID
    day: date
    break_class: BreakClass
    subject: str
    state: str
    amount_cents: int | None
    other_amount_cents: int | None
    at_risk_cents: int
    first_seen: datetime
    owner: str | None
    is_waiting: bool

    @property
    def turn(self) -> str:
        """Whose turn it is: the system's own, an officer's, or a second person's, where one has decided."""
        return turn_of(self.break_class, is_waiting=self.is_waiting)


def turn_of(break_class: str, *, is_waiting: bool = False) -> str:
    if is_waiting:
        return "second"
    return "system" if break_class in _REPAIRS_ITSELF | _REPAIRED else "officer"


def at_risk_cents(break_class: str, amount_cents: int | None, other_amount_cents: int | None) -> int:
    """What would be lost if nobody acted: the gap between two amounts, or all of it. As `_at_risk` in SQL."""
    if break_class in _IS_A_GAP:
        return abs((amount_cents or 0) - (other_amount_cents or 0))
    known = amount_cents if amount_cents is not None else other_amount_cents
    return known or 0


def read_filter(arguments: Mapping[str, str], *, now: datetime | None = None, actor: str = "") -> BreakFilter:
    """From the arguments of an address. Raises InvalidValue."""
    try:
        state = arguments.get("state") or "open"
        if state not in {"open", "resolved", "settled", "all"}:
            raise InvalidValue("no such state")
        return BreakFilter(
            day=date.fromisoformat(arguments["day"]) if arguments.get("day") else None,
            state=None if state == "all" else state,
            break_class=BreakClass(arguments["kind"]) if arguments.get("kind") else None,
            sort=Sort(arguments.get("sort") or Sort.AGE),
            age=AgeBucket(arguments["age"]) if arguments.get("age") else None,
            is_mine=arguments.get("mine") == "yes",
            now=now,
            actor=actor,
        )
    except ValueError as error:
        raise InvalidValue("no such filter") from error


def page(session: Session, chosen: BreakFilter, after: str | None) -> tuple[list[BreakRow], str | None]:
    """One page and the place where the next begins, None on the last. Raises InvalidValue for a bad place."""
    key = _sort_key(chosen.sort)
    query = selected(chosen).order_by(key, Break.id).limit(ROWS_PER_PAGE + 1)
    if after:
        value, row_id = read_cursor(after)
        query = query.where(tuple_(key, Break.id) > tuple_(_typed(chosen.sort, value), row_id))
    rows = [_row(*kept) for kept in session.execute(query)]
    if len(rows) <= ROWS_PER_PAGE:
        return rows, None
    last = rows[ROWS_PER_PAGE - 1]
    places: dict[Sort, str | int] = {
        Sort.AGE: last.first_seen.isoformat(),
        Sort.RISK: -last.at_risk_cents,
        Sort.KIND: last.break_class.value,
    }
    return rows[:ROWS_PER_PAGE], cursor(places[chosen.sort], last.id)


def every(session: Session, chosen: BreakFilter) -> Iterator[BreakRow]:
    """All of them, a few at a time, for a download."""
    query = selected(chosen).order_by(_sort_key(chosen.sort), Break.id)
    for kept in session.execute(query.execution_options(yield_per=500)):
        yield _row(*kept)


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How many differences of one kind, their cents at risk, and since when the oldest is seen."""

    break_class: BreakClass
    count: int
    at_risk_cents: int
    oldest: datetime

    @property
    def turn(self) -> str:
        return turn_of(self.break_class)


def by_class(session: Session, chosen: BreakFilter) -> list[ClassCount]:
    """The kinds that occur, most money first; the filter's own kind is left out of account.

    Empty for all there ever was: what is open, or of one day, is counted; the past only grows.
    """
    if not chosen.is_counted:
        return []
    at_risk = func.sum(_at_risk())
    query = select(Break.break_class, func.count(), at_risk, func.min(Break.first_seen))
    query = _narrowed(query, replace(chosen, break_class=None)).group_by(Break.break_class)
    found = session.execute(query.order_by(at_risk.desc(), Break.break_class))
    return [ClassCount(BreakClass(kind), count, int(cents), oldest) for kind, count, cents, oldest in found]


@dataclass(frozen=True, slots=True)
class AgeCount:
    """How many differences are of one age, and their cents at risk."""

    bucket: AgeBucket
    count: int
    at_risk_cents: int


def by_age(session: Session, chosen: BreakFilter) -> list[AgeCount]:
    """Every age, youngest first, over the rest of the filter; empty where kinds are, or without `now`."""
    if chosen.now is None or not chosen.is_counted:
        return []
    counts = []
    columns: list[ColumnElement[Any]] = []
    for bucket in AgeBucket:
        oldest, newest = bucket.bounds(chosen.now)
        is_of_it = Break.first_seen <= newest
        if oldest is not None:
            is_of_it &= Break.first_seen > oldest
        columns += [func.count().filter(is_of_it), func.coalesce(func.sum(_at_risk()).filter(is_of_it), 0)]
    values = session.execute(_narrowed(select(*columns), replace(chosen, age=None))).one()
    for place, bucket in enumerate(AgeBucket):
        counts.append(AgeCount(bucket, int(values[2 * place]), int(values[2 * place + 1])))
    return counts


def _at_risk() -> ColumnElement[int]:
    gap = func.abs(func.coalesce(Break.amount_cents, 0) - func.coalesce(Break.other_amount_cents, 0))
    whole = func.coalesce(Break.amount_cents, Break.other_amount_cents, 0)
    return case((Break.break_class.in_(_IS_A_GAP), gap), else_=whole)


def _sort_key(sort: Sort) -> ColumnElement[Any]:
    keys: dict[Sort, ColumnElement[Any]] = {
        Sort.AGE: Break.first_seen.expression,
        Sort.RISK: -_at_risk(),
        Sort.KIND: Break.break_class.expression,
    }
    return keys[sort]


def _typed(sort: Sort, value: str | int) -> str | int | datetime:
    expected = int if sort is Sort.RISK else str
    if not isinstance(value, expected):
        raise InvalidValue("a place in another list")
    if sort is Sort.AGE:
        return instant_in(value)
    return value


def selected(chosen: BreakFilter) -> Select[Break, int, bool]:
    """Those of a filter, in no order, each with its cents at risk and whether it waits for another person."""
    proposed = Decision.state == DecisionState.PROPOSED
    is_waiting = exists(select(Decision.id).where(Decision.break_id == Break.id, proposed)) | exists(
        select(Decision.id).where(Decision.receipt_id == Break.receipt_id, proposed)
    )
    return _narrowed(select(Break, _at_risk().label("at_risk_cents"), is_waiting), chosen)


def _narrowed(query: Chosen, chosen: BreakFilter) -> Chosen:
    if chosen.day is not None:
        query = query.where(Break.day == chosen.day)
    if chosen.state is not None:
        query = query.where(Break.state == chosen.state)
    if chosen.break_class is not None:
        query = query.where(Break.break_class == chosen.break_class)
    if chosen.age is not None and chosen.now is not None:
        oldest, newest = chosen.age.bounds(chosen.now)
        query = query.where(Break.first_seen <= newest)
        if oldest is not None:
            query = query.where(Break.first_seen > oldest)
    if chosen.is_mine:
        query = query.where(Break.owner == chosen.actor)
    return query


def _row(kept: Break, at_risk_cents: int, is_waiting: bool) -> BreakRow:
    return BreakRow(
        id=kept.id,
        day=kept.day,
        break_class=BreakClass(kept.break_class),
        subject=kept.subject,
        state=kept.state,
        amount_cents=kept.amount_cents,
        other_amount_cents=kept.other_amount_cents,
        at_risk_cents=at_risk_cents,
        first_seen=kept.first_seen,
        owner=kept.owner,
        is_waiting=is_waiting,
    )
