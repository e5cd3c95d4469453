"""Refunds: what is given back of which receipt, and what the wallet said about it."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, Encrypted
from payments.refunds.model import RefundState, RefundWay

_STATES = ", ".join(f"'{state}'" for state in RefundState)
_WAYS = ", ".join(f"'{way}'" for way in RefundWay)


class Refund(Base):
    """One receipt given back. Its id is the OriginatorConversationID of the payout: it happens once. It is
    derived from the receipt and from how many refunds of it failed before, and so sorts by nothing.

    `member_id`: whose savings it leaves; empty for money that was nobody's. `phone` is empty for a reversal.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint(f"way IN ({_WAYS})", name="way"),
        CheckConstraint("amount_cents > 0", name="amount"),
        CheckConstraint("(way = 'payout') = (phone IS NOT NULL)", name="phone"),
        Index("uq_refunds_receipt", "receipt_id", unique=True, postgresql_where=text("state <> 'failed'")),
        # The unique one knows only those that did not fail; how many did is asked, too.
        Index("ix_refunds_receipt", "receipt_id", "asked_at"),
        Index("ix_refunds_member", "member_id", "asked_at"),
        # Lines of the wallet's list are told from other money by the code of a payout, or by its amount.
        Index("ix_refunds_payout", "payout_receipt", postgresql_where=text("payout_receipt IS NOT NULL")),
        Index(
            "ix_refunds_without_code",
            "wallet",
            "shortcode",
            "amount_cents",
            postgresql_where=text("payout_receipt IS NULL AND way = 'payout' AND state <> 'failed'"),
        ),
        Index(
            "ix_refunds_waiting",
            "asked_at",
            postgresql_where=text("state IN ('requested', 'sending', 'sent', 'unknown')"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    receipt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("receipts.id"))
    member_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("members.id"))
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    way: Mapped[str] = mapped_column(String(10))
    phone: Mapped[str | None] = mapped_column(Encrypted("refunds.phone"))
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    why: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(server_default="0", default=0)
    conversation_id: Mapped[str] = mapped_column(String(100), server_default="", default="")
    payout_receipt: Mapped[str | None] = mapped_column(String(40))
    result_code: Mapped[str] = mapped_column(String(40), server_default="", default="")
    result_text: Mapped[str] = mapped_column(String(300), server_default="", default="")
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
