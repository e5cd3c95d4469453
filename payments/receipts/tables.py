"""The receipts: what arrived, for whom, and how we know."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, Encrypted

PARTICULARS_PLACE = "receipts.particulars"


class Receipt(Base):
    """One real-world payment. `member_id` is empty while the money waits in suspense.

    `receipt` is upper case. `source` is the evidence channel that told us first; `match_step` and `match_why`
    say what tied it to the member. `payer_index` is comparable with that of contributions and wallet lines.
    `particulars` is JSON: what the payer typed and who they are (`account`, `payer`, `payer_mask`, `name`).
    """

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("wallet", "shortcode", "receipt"),
        CheckConstraint("amount_cents > 0", name="amount"),
        Index("ix_receipts_day", "wallet", "shortcode", "paid_at"),
        Index("ix_receipts_member", "member_id", "paid_at"),
        Index("ix_receipts_paid", "paid_at"),
        # Whom a phone paid for before: suggestions for money in suspense.
        Index(
            "ix_receipts_payer",
            "payer_index",
            "member_id",
            postgresql_where=text("payer_index IS NOT NULL"),
        ),
        Index("ix_receipts_suspense", "paid_at", postgresql_where=text("member_id IS NULL")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    receipt: Mapped[str] = mapped_column(String(40))
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    member_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("members.id"))
    source: Mapped[str] = mapped_column(String(20))
    match_step: Mapped[str] = mapped_column(String(20))
    match_why: Mapped[str] = mapped_column(String(200), server_default="", default="")
    payer_index: Mapped[str | None] = mapped_column(String(64))
    particulars: Mapped[str] = mapped_column(Encrypted(PARTICULARS_PLACE))
    paid_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    reversed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # Where a decision of staff put the money (`payments.suspense`); from then on no message moves it.
    staff_place: Mapped[str | None] = mapped_column(String(12))
