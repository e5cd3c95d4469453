"""What the central registry was told about each receipt, and what it said when asked."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base


class RegistryPosting(Base):
    """One receipt's posting. The reference id at the registry is the receipt id.

    It is another one only of what was posted anew after its record was made void.

    `transaction_id` names the batch it was put into, once and for ever; empty until then. A member's receipts
    share one of a few lanes, in each of which one batch is under way at a time, oldest `paid_at` first.
    `paid_at`: when the receipt was paid, for ever. `posted_at`: first taken; `told_at`: last told.
    """

    __tablename__ = "registry_postings"
    __table_args__ = (
        # The figures of a day; nobody looks for one posting by its time.
        Index("ix_registry_postings_paid", "paid_at"),
        Index(
            "ix_registry_postings_unfinished",
            "created_at",
            postgresql_where=text("state <> 'acknowledged'"),
        ),
        Index(
            "ix_registry_postings_waiting",
            "lane",
            "paid_at",
            "receipt_id",
            postgresql_where=text("transaction_id IS NULL AND state = 'pending'"),
        ),
    )

    receipt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("receipts.id"), primary_key=True)
    member_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"), index=True)
    reference_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    transaction_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    lane: Mapped[int] = mapped_column(SmallInteger, server_default="0", default=0)
    state: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(server_default="0", default=0)
    paid_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    posted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    told_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    acknowledged_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    correlation_id: Mapped[str] = mapped_column(String(100), server_default="", default="")
    read_back_amount_cents: Mapped[int | None] = mapped_column(BigInteger)
    last_error: Mapped[str] = mapped_column(String(300), server_default="", default="")


class RegistryCorrection(Base):
    """One record that the registry must no longer count: `corrects` is its reference there.

    `reference_id`: the correcting record's, for ever. `member_id`: in whose name the record is. `why`:
    `reversed`, `refunded`, `merged`, or `split` for what is told in parts, or in one piece again.
    """

    __tablename__ = "registry_corrections"
    __table_args__ = (
        Index(
            "ix_registry_corrections_open",
            "created_at",
            postgresql_where=text("state IN ('pending', 'posted', 'rejected')"),
        ),
    )

    corrects: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    receipt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("receipts.id"), index=True)
    reference_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    member_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"), index=True)
    why: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(server_default="0", default=0)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    posted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    acknowledged_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_error: Mapped[str] = mapped_column(String(300), server_default="", default="")
