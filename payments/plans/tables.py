"""The plans of members, and the reminders that were written for them."""

import uuid
from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base
from payments.plans.model import Rhythm

_RHYTHMS = ", ".join(f"'{rhythm}'" for rhythm in Rhythm)


class SavingPlan(Base):
    """What a member means to save. At most one holds; a changed plan is a new row. `key` is its hop.

    `scheme_from`: under which rules it was made, so that it can be explained later.
    """

    __tablename__ = "saving_plans"
    __table_args__ = (
        CheckConstraint(f"rhythm IN ({_RHYTHMS})", name="rhythm"),
        CheckConstraint("amount_cents > 0", name="amount"),
        Index("uq_saving_plans_holding", "member_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index(
            "ix_saving_plans_reminded",
            "rhythm",
            "id",
            postgresql_where=text("ended_at IS NULL AND reminders"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    member_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"))
    rhythm: Mapped[str] = mapped_column(String(10))
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    reminders: Mapped[bool] = mapped_column(server_default="false", default=False)
    scheme_from: Mapped[date] = mapped_column(Date)
    set_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class PlanReminder(Base):
    """One reminder: once for each period of a plan."""

    __tablename__ = "plan_reminders"

    plan_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("saving_plans.id"), primary_key=True)
    period_first: Mapped[date] = mapped_column(Date, primary_key=True)
    written_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
