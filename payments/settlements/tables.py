"""Entries of bank statements, and the periods for which a bank's list is complete."""

import uuid
from datetime import date, datetime

from sqlalchemy import ARRAY, BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, Encrypted, append_only


class BankLine(Base):
    """One entry, kept once. Money in is positive.

    `named`: what in the bank's words looks like a wallet's receipt; `words` are sealed, they may name people.
    """

    __tablename__ = "bank_lines"
    __table_args__ = (
        UniqueConstraint("wallet", "shortcode", "entry_key"),
        Index("ix_bank_lines_booked", "wallet", "shortcode", "booked_on"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    account: Mapped[str] = mapped_column(String(40))
    entry_key: Mapped[str] = mapped_column(String(40))
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    named: Mapped[list[str]] = mapped_column(ARRAY(String(20)))
    words: Mapped[str] = mapped_column(Encrypted("bank_lines.words"))
    booked_on: Mapped[date]
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class BankPeriod(Base):
    """Days for which a bank statement was read whole: only there is missing money really missing."""

    __tablename__ = "bank_periods"
    __table_args__ = (UniqueConstraint("wallet", "shortcode", "account", "first_on", "last_on"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    account: Mapped[str] = mapped_column(String(40))
    first_on: Mapped[date]
    last_on: Mapped[date]
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


append_only(BankLine)
append_only(BankPeriod)
