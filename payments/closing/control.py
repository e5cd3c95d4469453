"""The control-total proof of a cut-off: opening + credits - charges - settlements = the wallet's balance."""

from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from core.clock import FundCalendar
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
    def holds(self) -> bool:
        """The statement adds up, and the ledger says the same."""
        return self.gap_cents == 0 and self.ledger_gap_cents == 0

    @classmethod
    def of_closing(cls, closing: Closing) -> "ControlTotals":
        """As they were when the period was closed, without adding up again."""
        return cls(**{each.name: closing.figures[each.name] for each in fields(cls)})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {
            "computed_cents": self.computed_cents,
            "gap_cents": self.gap_cents,
            "ledger_gap_cents": self.ledger_gap_cents,
            "holds": self.holds,
        }


def control_totals(session: Session, calendar: FundCalendar, of: CutOff) -> ControlTotals:
    """Add up a cut-off as it stands now; a closed one as it was closed."""
    parameters = _day_parameters(calendar, of)
    lines = {row.kind: row for row in session.execute(LINE_FIGURES, parameters)}
    edges = _edges(session, list(lines.values()), parameters)
    ledger = session.execute(LEDGER_FIGURES, fact_parameters(session, calendar, of)).one()
    return ControlTotals(
        opening_cents=_opening(edges),
        credits_cents=_cents(lines.get("credit")),
        charges_cents=_cents(lines.get("charge")),
        settlements_cents=_cents(lines.get("settlement")),
        reversals_cents=_cents(lines.get("reversal")),
        other_cents=_cents(lines.get("other")),
        statement_cents=_closing(edges),
        lines=sum(int(row.rows) for row in lines.values()),
        ledger_in_cents=ledger.in_cents,
        ledger_charges_cents=ledger.charges_cents,
        ledger_settlements_cents=ledger.settlements_cents,
        ledger_reversals_cents=ledger.reversals_cents,
        ledger_corrections_cents=ledger.corrections_cents,
        ledger_credits=ledger.credits,
        late=ledger.late,
        late_cents=ledger.late_cents,
    )


def fact_parameters(session: Session, calendar: FundCalendar, of: CutOff) -> dict[str, Any]:
    """What the queries over ledger facts need for a cut-off."""
    until = session.scalar(
        select(Closing.closed_at).where(
            Closing.wallet == of.wallet,
            Closing.shortcode == of.shortcode,
            Closing.scope == "day",
            Closing.period == of.day.isoformat(),
            Closing.reopened_at.is_(None),
        )
    )
    return _day_parameters(calendar, of) | {
        "account_key": f"{of.wallet}:{of.shortcode}",
        "zone": calendar.zone.key,
        "since": calendar.bounds(of.day)[0] - _SKEW,
        # What is told later than the closing belongs elsewhere; the margin is for clocks of other machines.
        "until": until + _SKEW if until else calendar.bounds(date(9000, 1, 1))[0],
    }


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


def _opening(edges: list[Any]) -> int | None:
    """The balance before the first line: of lines of one second, the one that no other of them led to."""
    first = [row for row in edges if row.edge == "first"]
    reached = [row.balance_after_cents for row in first]
    before = [row.balance_after_cents - row.amount_cents for row in first]
    return _left_over(before, reached)


def _closing(edges: list[Any]) -> int | None:
    last = [row for row in edges if row.edge == "last"]
    reached = [row.balance_after_cents for row in last]
    return _left_over(reached, [row.balance_after_cents - row.amount_cents for row in last])


def _left_over(values: list[int], taken: list[int]) -> int | None:
    """The one of `values` that `taken` does not hold, pair by pair; None when that is not one."""
    left = list(values)
    for value in taken:
        if value in left:
            left.remove(value)
    if len(left) == 1:
        return left[0]
    # A chain that returns to where it began leaves nothing over: begin and end are the same balance.
    return values[0] if values and not left and len(set(values)) == 1 else None
