"""Pairs of memberships that may be one person's."""

import uuid
from datetime import datetime

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base
from members.duplicates.model import CaseState

_STATES = ", ".join(f"'{state}'" for state in CaseState)


class DuplicateCaseRow(Base):
    """One pair, for ever one row: `first_id` is the one of the two ids that sorts first."""

    __tablename__ = "duplicate_cases"
    __table_args__ = (
        UniqueConstraint("first_id", "second_id"),
        CheckConstraint("first_id < second_id", name="order"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        Index("ix_duplicate_cases_second", "second_id"),
        Index("ix_duplicate_cases_open", "confidence", "opened_at", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    first_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"))
    second_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"))
    reasons: Mapped[list[str]] = mapped_column(ARRAY(String(20)))
    confidence: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str] = mapped_column(String(10))
    opened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
