"""Decisions of staff: who wanted what and why, who checked it, and how things stood before and after."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base
from payments.suspense.model import Act, DecisionState

_ACTS = ", ".join(f"'{act}'" for act in Act)
_STATES = ", ".join(f"'{state}'" for state in DecisionState)


class Decision(Base):
    """One decision. Its id is the key the page sent. `maker` and `checker` are audit actors (`staff:<id>`).

    `amount_cents` is the money it is about; `shares` (`member_id`, `amount_cents`) are what a split makes of
    it. `before` and `after` hold ids, places and amounts only.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        CheckConstraint(f"act IN ({_ACTS})", name="act"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint("checker IS NULL OR checker <> maker", name="two_people"),
        CheckConstraint("receipt_id IS NOT NULL OR break_id IS NOT NULL", name="subject"),
        Index("ix_decisions_receipt", "receipt_id", "made_at"),
        Index("ix_decisions_break", "break_id", "made_at"),
        Index("ix_decisions_refunds", "done_at", postgresql_where=text("act = 'refund' AND state = 'done'")),
        Index(
            "uq_decisions_waiting_receipt",
            "receipt_id",
            unique=True,
            postgresql_where=text("state = 'proposed'"),
        ),
        Index(
            "uq_decisions_waiting_break", "break_id", unique=True, postgresql_where=text("state = 'proposed'")
        ),
        Index(
            "uq_decisions_undoes",
            "undoes_id",
            unique=True,
            postgresql_where=text("state IN ('proposed', 'done')"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    act: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(10))
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    receipt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("receipts.id"))
    break_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("breaks.id"))
    member_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("members.id"))
    undoes_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("decisions.id"))
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    shares: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]", default=list)
    reason: Mapped[str] = mapped_column(String(400))
    maker: Mapped[str] = mapped_column(String(80))
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    checker: Mapped[str | None] = mapped_column(String(80))
    checked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    checker_reason: Mapped[str] = mapped_column(String(400), server_default="", default="")
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    before: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}", default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}", default=dict)

    @property
    def is_to_undo(self) -> bool:
        """Whether it stands and is of a kind that another decision can undo."""
        return self.state == DecisionState.DONE and self.act not in {Act.UNDO, Act.REPOST}
