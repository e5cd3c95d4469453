"""Closings of days and months, with what was known at that moment."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base


class Closing(Base):
    """One closing. `period`: `2026-11-22` or `2026-11`.

    `postings_through` and `lines_through` are the highest numbers of ledger postings and wallet lines that
    belong to it: what has a higher one came later, and counts for a period that was open then. A reopened
    closing keeps its row; numbers above `reopened_*_through` count for the period itself again.
    """

    __tablename__ = "closings"
    __table_args__ = (
        CheckConstraint("scope IN ('day', 'month')", name="scope"),
        Index(
            "uq_closings_in_force",
            "wallet",
            "shortcode",
            "scope",
            "period",
            unique=True,
            postgresql_where=text("reopened_at IS NULL"),
        ),
        Index("ix_closings_period", "wallet", "shortcode", "scope", "period"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(5))
    period: Mapped[str] = mapped_column(String(10))
    closed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    closed_by: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(400), server_default="", default="")
    postings_through: Mapped[int] = mapped_column(BigInteger)
    lines_through: Mapped[int] = mapped_column(BigInteger)
    figures: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[str] = mapped_column(String(64))
    reopened_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reopened_by: Mapped[str | None] = mapped_column(String(80))
    reopened_reason: Mapped[str] = mapped_column(String(400), server_default="", default="")
    reopened_postings_through: Mapped[int | None] = mapped_column(BigInteger)
    reopened_lines_through: Mapped[int | None] = mapped_column(BigInteger)
