"""The running balance that each confirmation carries: money it shows that nobody told us of is looked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.money import Money
from payments.wallet_lines.asking import ask_for_pull
from payments.wallet_lines.tables import FloatReading

# At once, yet late enough that the gaps of one burst share a pull.
_PULL_AFTER = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a shortcode held after one payment."""

    wallet: str
    shortcode: str
    receipt: str
    amount: Money
    balance: Money
    paid_at: datetime


def watch(session: Session, reading: Reading, *, now: datetime) -> int:
    """Compare with the newest reading; returns how many cents came in between that no message told of.

    More than we know of means a lost message: the list is read at once. Less is a withdrawal or a charge,
    which no message tells, and which the hourly list and the statement show. Readings that come late or in
    another order are passed over.
    """
    last = session.get(
        FloatReading, (reading.wallet, reading.shortcode), with_for_update=True, populate_existing=True
    )
    cents = reading.balance.amount_cents
    if last is None:
        values = {
            "wallet": reading.wallet,
            "shortcode": reading.shortcode,
            "receipt": reading.receipt,
            "balance_cents": cents,
            "paid_at": reading.paid_at,
        }
        session.execute(insert(FloatReading).values(values).on_conflict_do_nothing())
        return 0
    # The wallet's times are whole seconds; of one second's payments the last has the highest balance.
    if last.receipt == reading.receipt or (reading.paid_at, cents) <= (last.paid_at, last.balance_cents):
        return 0
    gap = max(0, cents - reading.amount.amount_cents - last.balance_cents)
    last.receipt, last.balance_cents, last.paid_at = reading.receipt, cents, reading.paid_at
    if gap:
        last.gaps += 1
        last.last_gap_cents, last.last_gap_at = gap, now
        ask_for_pull(session, reading.wallet, reading.shortcode, delay=_PULL_AFTER, now=now)
    session.flush()
    return gap
