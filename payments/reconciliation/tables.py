"""Reconciliation runs and the breaks they found."""

import uuid
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, append_only
from payments.model import BreakClass

_CLASSES = ", ".join(f"'{value}'" for value in BreakClass)


class ReconciliationRun(Base):
    """One comparison of a fund day of one shortcode; the figures are those of that moment, in cents."""

    __tablename__ = "reconciliation_runs"
    __table_args__ = (
        Index("ix_reconciliation_runs_day", "wallet", "shortcode", "day", "at"),
        Index("ix_reconciliation_runs_last", "day", "at"),
        Index("ix_reconciliation_runs_at", "at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    day: Mapped[date]
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    received: Mapped[int] = mapped_column(BigInteger)
    received_cents: Mapped[int] = mapped_column(BigInteger)
    confirmed: Mapped[int] = mapped_column(BigInteger)
    confirmed_cents: Mapped[int] = mapped_column(BigInteger)
    posted: Mapped[int] = mapped_column(BigInteger)
    posted_cents: Mapped[int] = mapped_column(BigInteger)
    acknowledged: Mapped[int] = mapped_column(BigInteger)
    acknowledged_cents: Mapped[int] = mapped_column(BigInteger)
    wallet_lines: Mapped[int] = mapped_column(BigInteger)
    wallet_in_cents: Mapped[int] = mapped_column(BigInteger)
    wallet_out_cents: Mapped[int] = mapped_column(BigInteger)
    breaks_open: Mapped[int]
    breaks_found: Mapped[int]
    breaks_resolved: Mapped[int]


class Break(Base):
    """One difference. `subject` is a receipt code, or the id of a contribution or of evidence.

    `amount_cents` is what we believe, `other_amount_cents` what the other side says. `run_id`: the last run
    that still found it. `settled`: staff explained it or wrote it off, and it stays so until its amounts
    change. `owner` is the staff member (`staff:<id>`) who has it in hand.
    """

    __tablename__ = "breaks"
    __table_args__ = (
        UniqueConstraint("wallet", "shortcode", "break_class", "subject"),
        CheckConstraint(f"break_class IN ({_CLASSES})", name="break_class"),
        CheckConstraint("state IN ('open', 'resolved', 'settled')", name="state"),
        Index("ix_breaks_day", "day", "state"),
        Index("ix_breaks_open", "first_seen", "id", postgresql_where=text("state = 'open'")),
        Index("ix_breaks_seen", "first_seen", "id"),
        Index("ix_breaks_kind", "break_class", "id"),
        Index(
            "ix_breaks_contribution",
            "contribution_id",
            postgresql_where=text("contribution_id IS NOT NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    day: Mapped[date]
    break_class: Mapped[str] = mapped_column(String(30))
    subject: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))
    amount_cents: Mapped[int | None] = mapped_column(BigInteger)
    other_amount_cents: Mapped[int | None] = mapped_column(BigInteger)
    receipt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("receipts.id"), index=True)
    contribution_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("contributions.id"))
    evidence_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("evidence.id"))
    run_id: Mapped[uuid.UUID]
    first_seen: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_seen: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    resolved_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    resolution: Mapped[str] = mapped_column(String(200), server_default="", default="")
    owner: Mapped[str | None] = mapped_column(String(80))


class BreakNote(Base):
    """What somebody wrote about a difference, for whoever looks at it next. Never changed."""

    __tablename__ = "break_notes"
    __table_args__ = (Index("ix_break_notes_break", "break_id", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    break_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("breaks.id"))
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    text: Mapped[str] = mapped_column(String(400))


append_only(BreakNote)
