"""The control-total proof of a cut-off: opening + credits - charges - settlements = the wallet's balance."""

from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from core.clock import FundCalendar
from payments.closing.balances import BalanceBefore, balance_before, closing_of, opening_of
from payments.closing.queries import EDGES, LEDGER_FIGURES, LINE_FIGURES
from payments.closing.tables import Closing

# The wallet's clock and ours may differ: nothing is told earlier than this before it occurs.
_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CutOff:
    """Of which shortcode's which day a proof is."""

    wallet: str
    shortcode: str
    day: date


@dataclass(frozen=True, slots=True)
class ControlTotals:
    """Both sides of a day in cents; money out is negative. Balances are None when no statement tells them.

    `late`: facts of closed days that count here because they came after the closing.
    `follows_cents`: the balance that the lists of before lead to, on `follows_day`; None when none tells any,
    or when the day tells no opening balance.
    """

    opening_cents: int | None
    credits_cents: int
    charges_cents: int
    settlements_cents: int
    reversals_cents: int
    other_cents: int
    statement_cents: int | None
    lines: int
    ledger_in_cents: int
    ledger_charges_cents: int
    ledger_settlements_cents: int
    ledger_reversals_cents: int
    ledger_corrections_cents: int
    ledger_credits: int
    late: int
    late_cents: int
    follows_day: date | None = None
    follows_cents: int | None = None

    @property
    def opening_gap_cents(self) -> int | None:
        """What came after the end of the day before and no line tells of; below zero when it went."""
        if self.opening_cents is None or self.follows_cents is None:
            return None
        return self.opening_cents - self.follows_cents

    @property
    def computed_cents(self) -> int | None:
        """What the balance must be by adding up."""
        if self.opening_cents is None:
            return None
        return self.opening_cents + self.moved_cents

    @property
    def moved_cents(self) -> int:
        return (
            self.credits_cents
            + self.charges_cents
            + self.settlements_cents
            + self.reversals_cents
            + self.other_cents
        )

    @property
    def ledger_moved_cents(self) -> int:
        return (
            self.ledger_in_cents
            + self.ledger_charges_cents
            + self.ledger_settlements_cents
            + self.ledger_reversals_cents
            + self.ledger_corrections_cents
        )

    @property
    def gap_cents(self) -> int | None:
        """What the statement's balance and its own lines differ by; None without balances."""
        if self.computed_cents is None or self.statement_cents is None:
            return None
        return self.statement_cents - self.computed_cents

    @property
    def ledger_gap_cents(self) -> int:
        """What list and ledger differ by, facts of other days left out."""
        return self.moved_cents - (self.ledger_moved_cents - self.late_cents)

    @property
    def adds_up(self) -> bool:
        """The day's own statement adds up, and the ledger says the same."""
        return self.gap_cents == 0 and self.ledger_gap_cents == 0

    @property
    def holds(self) -> bool:
        """It adds up, and opens with what the day before ended with: a list that is cut off is no proof."""
        return self.adds_up and not self.opening_gap_cents

    @classmethod
    def of_closing(cls, closing: Closing) -> "ControlTotals":
        """As they were when the period was closed, without adding up again."""
        follows = _kept_follows(closing.figures)
        others = {each.name for each in fields(cls)} - {"follows_day", "follows_cents"}
        return cls(
            **{name: closing.figures[name] for name in others},
            follows_day=follows.day if follows else None,
            follows_cents=follows.cents if follows else None,
        )

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON. A day that follows no balance says nothing of that: reports of days that were
        closed before days were held against each other stay the same to the byte.
        """
        figures = asdict(self) | {
            "computed_cents": self.computed_cents,
            "gap_cents": self.gap_cents,
            "ledger_gap_cents": self.ledger_gap_cents,
            "holds": self.holds,
        }
        del figures["follows_day"], figures["follows_cents"]
        if self.follows_day is None:
            return figures
        return figures | {
            "follows_day": self.follows_day.isoformat(),
            "follows_cents": self.follows_cents,
            "opening_gap_cents": self.opening_gap_cents,
        }


def control_totals(session: Session, calendar: FundCalendar, of: CutOff) -> ControlTotals:
    """Add up a cut-off as it stands now; a closed one as it was closed."""
    parameters = _day_parameters(calendar, of)
    lines = {row.kind: row for row in session.execute(LINE_FIGURES, parameters)}
    edges = _edges(session, list(lines.values()), parameters)
    ledger = session.execute(LEDGER_FIGURES, fact_parameters(session, calendar, of)).one()
    opening_cents = opening_of([row for row in edges if row.edge == "first"])
    follows = None if opening_cents is None else _follows(session, calendar, of)
    return ControlTotals(
        opening_cents=opening_cents,
        credits_cents=_cents(lines.get("credit")),
        charges_cents=_cents(lines.get("charge")),
        settlements_cents=_cents(lines.get("settlement")),
        reversals_cents=_cents(lines.get("reversal")),
        other_cents=_cents(lines.get("other")),
        statement_cents=closing_of([row for row in edges if row.edge == "last"]),
        lines=sum(int(row.rows) for row in lines.values()),
        ledger_in_cents=ledger.in_cents,
        ledger_charges_cents=ledger.charges_cents,
        ledger_settlements_cents=ledger.settlements_cents,
        ledger_reversals_cents=ledger.reversals_cents,
        ledger_corrections_cents=ledger.corrections_cents,
        ledger_credits=ledger.credits,
        late=ledger.late,
        late_cents=ledger.late_cents,
        follows_day=follows.day if follows else None,
        follows_cents=follows.cents if follows else None,
    )


def fact_parameters(session: Session, calendar: FundCalendar, of: CutOff) -> dict[str, Any]:
    """What the queries over ledger facts need for a cut-off."""
    until = session.scalar(_in_force(of, Closing.closed_at))
    return _day_parameters(calendar, of) | {
        "account_key": f"{of.wallet}:{of.shortcode}",
        "zone": calendar.zone.key,
        "since": calendar.bounds(of.day)[0] - _SKEW,
        # What is told later than the closing belongs elsewhere; the margin is for clocks of other machines.
        "until": until + _SKEW if until else calendar.bounds(date(9000, 1, 1))[0],
    }


def _in_force(of: CutOff, *columns: Any) -> Select[Any]:
    return select(*columns).where(
        Closing.wallet == of.wallet,
        Closing.shortcode == of.shortcode,
        Closing.scope == "day",
        Closing.period == of.day.isoformat(),
        Closing.reopened_at.is_(None),
    )


def _follows(session: Session, calendar: FundCalendar, of: CutOff) -> BalanceBefore | None:
    """Of a closed day what it was closed with: what the days before become later does not change it."""
    closing = session.execute(_in_force(of, Closing.figures, Closing.lines_through)).one_or_none()
    # While a day is being closed it has no figures yet.
    if closing is not None and closing.figures:
        return _kept_follows(closing.figures)
    through = closing.lines_through if closing else None
    return balance_before(session, calendar, of.wallet, of.shortcode, of.day, lines_through=through)


def _kept_follows(figures: dict[str, Any]) -> BalanceBefore | None:
    if "follows_day" not in figures:
        return None
    return BalanceBefore(date.fromisoformat(figures["follows_day"]), figures["follows_cents"])


def _day_parameters(calendar: FundCalendar, of: CutOff) -> dict[str, Any]:
    start, end = calendar.bounds(of.day)
    return {
        "wallet": of.wallet,
        "shortcode": of.shortcode,
        "day": of.day,
        "day_start": start,
        "day_end": end,
    }


def _edges(session: Session, lines: list[Row[Any]], parameters: dict[str, Any]) -> list[Row[Any]]:
    """The lines at the first and the last instant of which the list tells a balance."""
    first = min((row.first_at for row in lines if row.first_at), default=None)
    last = max((row.last_at for row in lines if row.last_at), default=None)
    if first is None:
        return []
    return list(session.execute(EDGES, parameters | {"first_at": first, "last_at": last}))


def _cents(row: Row[Any] | None) -> int:
    return 0 if row is None else int(row.cents)
