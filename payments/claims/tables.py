"""Claims of members to money that does not show, for them to follow and for staff to decide."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base
from payments.claims.model import ClaimState

_STATES = ", ".join(f"'{state}'" for state in ClaimState)


class Claim(Base):
    """One member's claim to one receipt code. `why`: what spoke for or against it, without personal data."""

    __tablename__ = "claims"
    __table_args__ = (
        UniqueConstraint("member_id", "receipt"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        Index("ix_claims_receipt", "receipt"),
        Index("ix_claims_staff", "claimed_at", postgresql_where=text("state = 'staff'")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    member_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"))
    receipt: Mapped[str] = mapped_column(String(40))
    receipt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("receipts.id"))
    state: Mapped[str] = mapped_column(String(10))
    why: Mapped[str] = mapped_column(String(200), server_default="", default="")
    claimed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
