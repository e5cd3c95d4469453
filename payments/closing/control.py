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
    start, end = calendar.bounds(of.day)
    parameters = {
        "wallet": of.wallet,
        "shortcode": of.shortcode,
        "day": of.day,
        "day_start": start,
        "day_end": end,
    }
    lines = {row.kind: row for row in session.execute(LINE_FIGURES, parameters)}
    edges = list(session.execute(EDGES, parameters))
    ledger = list(session.execute(LEDGER_FIGURES, fact_parameters(session, calendar, of, of)))
    cents = {row.reason: int(row.cents) for row in ledger}
    return ControlTotals(
        opening_cents=_opening(edges),
        credits_cents=_cents(lines.get("credit")),
        charges_cents=_cents(lines.get("charge")),
        settlements_cents=_cents(lines.get("settlement")),
        reversals_cents=_cents(lines.get("reversal")),
        other_cents=_cents(lines.get("other")),
        statement_cents=_closing(edges),
        lines=sum(int(row.rows) for row in lines.values()),
        ledger_in_cents=cents.pop("credit", 0) + cents.pop("suspense", 0),
        ledger_charges_cents=cents.pop("charge", 0),
        ledger_settlements_cents=cents.pop("settlement", 0),
        ledger_reversals_cents=cents.pop("reversal", 0),
        ledger_corrections_cents=sum(cents.values()),
        ledger_credits=sum(int(row.rows) for row in ledger if row.reason in {"credit", "suspense"}),
        late=sum(int(row.late) for row in ledger),
        late_cents=sum(int(row.late_cents) for row in ledger),
    )


def fact_parameters(session: Session, calendar: FundCalendar, first: CutOff, last: CutOff) -> dict[str, Any]:
    """What the queries over ledger facts need for the days from `first` to `last`."""
    until = session.scalar(
        select(Closing.closed_at).where(
            Closing.wallet == last.wallet,
            Closing.shortcode == last.shortcode,
            Closing.scope == "day",
            Closing.period == last.day.isoformat(),
            Closing.reopened_at.is_(None),
        )
    )
    return {
        "wallet": first.wallet,
        "shortcode": first.shortcode,
        "account_key": f"{first.wallet}:{first.shortcode}",
        "zone": calendar.zone.key,
        "since": calendar.bounds(first.day)[0] - _SKEW,
        # What is told later than the closing belongs elsewhere; the margin is for clocks of other machines.
        "until": until + _SKEW if until else calendar.bounds(date(9000, 1, 1))[0],
        "first_day": first.day,
        "last_day": last.day,
    }


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
