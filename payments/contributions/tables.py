"""Contributions are intents; their events are the way a shilling took, for everyone to follow."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, Encrypted, append_only
from payments.model import OPEN_STATES, Channel, ContributionState

_STATES = ", ".join(f"'{state}'" for state in ContributionState)
_OPEN = ", ".join(f"'{state}'" for state in OPEN_STATES)
_CHANNELS = ", ".join(f"'{channel}'" for channel in Channel)


class Contribution(Base):
    """An intent: this member, this phone, this amount. `key` is the hop that made it: it exists once.

    `said_paid`: the wallet says this prompt was paid, whether or not we know the receipt yet. `asked_by`: the
    member who pays for `member_id`, when that is another one. `period`: the month (`YYYY-MM`) it is to count
    for, when that is not the month of the payment.
    """

    __tablename__ = "contributions"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint(f"channel IN ({_CHANNELS})", name="channel"),
        CheckConstraint("amount_cents > 0", name="amount"),
        CheckConstraint("period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'", name="period"),
        Index(
            "ix_contributions_asked_by",
            "asked_by",
            "requested_at",
            postgresql_where=text("asked_by IS NOT NULL"),
        ),
        Index(
            "uq_contributions_open_phone",
            "payer_index",
            unique=True,
            postgresql_where=text(f"state IN ({_OPEN})"),
        ),
        Index("ix_contributions_member", "member_id", "requested_at"),
        Index("ix_contributions_payer", "payer_index", "requested_at"),
        Index(
            "ix_contributions_unfinished",
            "requested_at",
            postgresql_where=text("state IN ('requested', 'prompting', 'prompted', 'unknown')"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    member_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"))
    asked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("members.id"))
    period: Mapped[str | None] = mapped_column(String(7))
    phone: Mapped[str] = mapped_column(Encrypted("contributions.phone"))
    payer_index: Mapped[str] = mapped_column(String(64))
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    channel: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(12))
    prompt_attempts: Mapped[int] = mapped_column(server_default="0", default=0)
    checkout_id: Mapped[str | None] = mapped_column(String(100), unique=True)
    merchant_id: Mapped[str] = mapped_column(String(100), server_default="", default="")
    result_code: Mapped[str | None] = mapped_column(String(40))
    result_text: Mapped[str] = mapped_column(String(300), server_default="", default="")
    said_paid: Mapped[bool] = mapped_column(server_default="false", default=False)
    # It ended with a code after which money has been seen to move all the same.
    may_still_pay: Mapped[bool] = mapped_column(server_default="false", default=False)
    receipt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("receipts.id"), unique=True)
    requested_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    prompted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @property
    def payer_id(self) -> uuid.UUID:
        """The member who was asked to pay."""
        return self.asked_by or self.member_id


class ContributionEvent(Base):
    """One step of a contribution: the state it came into, when, and why (no personal data)."""

    __tablename__ = "contribution_events"
    __table_args__ = (Index("ix_contribution_events_way", "contribution_id", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    contribution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contributions.id"))
    state: Mapped[str] = mapped_column(String(12))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    why: Mapped[str] = mapped_column(String(300))


append_only(ContributionEvent)
