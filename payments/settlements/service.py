"""Keeping bank statements: entries once, each with the settlement of a wallet that it names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.clock import FundCalendar
from core.ids import new_id
from payments.settlements.camt053 import is_camt053, read_camt053
from payments.settlements.model import BankEntry, BankStatement, entry_keys
from payments.settlements.mt940 import is_mt940, read_mt940
from payments.settlements.tables import BankLine, BankPeriod
from payments.wallet_lines.tables import StoredLine
from payments.wallets.protocol import LineKind
from payments.wallets.statements import in_one_piece

_HEAD_BYTES = 2000
# Eleven values each: a statement to PostgreSQL may have 65,535.
_ROWS_AT_ONCE = 1000
_WORD = re.compile(r"(?<![A-Z0-9])[A-Z0-9]{8,20}(?![A-Z0-9])")
_SETTLES_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class KeptEntries:
    """How many entries a statement had, how many were new, and how many may name a settlement."""

    lines: int
    new: int
    named: int


def is_bank_statement(head: bytes) -> bool:
    """Whether a file begins like a bank's statement (MT940 or camt.053)."""
    return is_mt940(head[:_HEAD_BYTES]) or is_camt053(head[:_HEAD_BYTES])


def read_bank_statements(chunks: Iterable[bytes]) -> tuple[BankStatement, ...]:
    """Read a file of one statement, or of several of one account. Raises StatementRefused."""
    content = in_one_piece(chunks)
    return read_mt940(content) if is_mt940(content[:_HEAD_BYTES]) else read_camt053(content)


def keep_bank_statements(
    session: Session, wallet: str, shortcode: str, statements: Iterable[BankStatement], *, now: datetime
) -> KeptEntries:
    """Keep what is new of all of them."""
    kept = [keep_bank_statement(session, wallet, shortcode, one, now=now) for one in statements]
    return KeptEntries(
        sum(one.lines for one in kept), sum(one.new for one in kept), sum(one.named for one in kept)
    )


def keep_bank_statement(
    session: Session, wallet: str, shortcode: str, statement: BankStatement, *, now: datetime
) -> KeptEntries:
    """Keep what is new of a statement of the account into which a shortcode is settled.

    Again, or with other files that overlap it, nothing is kept twice.
    """
    rows = [
        {
            "id": new_id(),
            "wallet": wallet,
            "shortcode": shortcode,
            "account": statement.account[-40:],
            "entry_key": key,
            "amount_cents": entry.amount.amount_cents,
            "currency": entry.amount.currency,
            "named": _named(entry),
            "words": f"{entry.reference} {entry.text}".strip(),
            "booked_on": entry.booked_on,
            "seen_at": now,
        }
        for key, entry in zip(entry_keys(statement), statement.entries, strict=True)
    ]
    new = 0
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        kept = insert(BankLine).values(some).on_conflict_do_nothing().returning(BankLine.id)
        new += len(session.execute(kept).all())
    period = {
        "id": new_id(),
        "wallet": wallet,
        "shortcode": shortcode,
        "account": statement.account[-40:],
        "first_on": statement.first_on,
        "last_on": statement.last_on,
        "seen_at": now,
    }
    session.execute(insert(BankPeriod).values(period).on_conflict_do_nothing())
    return KeptEntries(len(rows), new, sum(bool(row["named"]) for row in rows))


def _named(entry: BankEntry) -> list[str]:
    """Words of letters and digits, as receipts are; an account number or a name is none."""
    words = set(_WORD.findall(f"{entry.reference} {entry.text}".upper()))
    return sorted(word for word in words if not word.isdigit() and not word.isalpha())


def days_settled(
    session: Session, calendar: FundCalendar, wallet: str, shortcode: str, statement: BankStatement
) -> list[date]:
    """The fund's days that a bank statement may say something new of: those of settlements shortly before."""
    start = calendar.bounds(statement.first_on - _SETTLES_WITHIN)[0]
    times = session.scalars(
        select(StoredLine.at)
        .where(
            StoredLine.wallet == wallet,
            StoredLine.shortcode == shortcode,
            StoredLine.kind == LineKind.SETTLEMENT,
            StoredLine.at >= start,
            StoredLine.at < calendar.bounds(statement.last_on)[1],
        )
        .distinct()
    )
    return sorted({calendar.day_of(at) for at in times})
