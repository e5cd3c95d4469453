"""Decisions about pairs of memberships: who wanted what and why, who checked it, and what was moved."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base
from payments.merging.model import PairAct
from payments.suspense.model import DecisionState

_ACTS = ", ".join(f"'{act}'" for act in PairAct)
_STATES = ", ".join(f"'{state}'" for state in DecisionState)


class PairDecision(Base):
    """One decision. Its id is the key the page sent. `maker` and `checker` are audit actors (`staff:<id>`).

    `closed_id` is the membership a merge closes. `amount_cents` is the money that moves. `moved` names what
    a merge took over: `receipts` and `contributions` by id, the `status` that an undo gives back, and who was
    `verified` by it.
    """

    __tablename__ = "pair_decisions"
    __table_args__ = (
        CheckConstraint(f"act IN ({_ACTS})", name="act"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint("checker IS NULL OR checker <> maker", name="two_people"),
        CheckConstraint("act <> 'merge' OR (kept_id <> closed_id)", name="two_members"),
        Index("ix_pair_decisions_case", "case_id", "made_at"),
        Index(
            "uq_pair_decisions_waiting", "case_id", unique=True, postgresql_where=text("state = 'proposed'")
        ),
        # Each membership is closed by at most one merge that holds: whose money is where has one answer.
        Index(
            "uq_pair_decisions_closed",
            "closed_id",
            unique=True,
            postgresql_where=text("act = 'merge' AND state = 'done'"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("duplicate_cases.id"))
    act: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    kept_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("members.id"))
    closed_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("members.id"))
    undoes_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("pair_decisions.id"))
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(400))
    maker: Mapped[str] = mapped_column(String(80))
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    checker: Mapped[str | None] = mapped_column(String(80))
    checked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    checker_reason: Mapped[str] = mapped_column(String(400), server_default="", default="")
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    moved: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}", default=dict)
