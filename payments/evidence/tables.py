"""Raw messages are append-only and sealed; their verdicts lie beside them."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, Encrypted, append_only

BODY_PLACE = "evidence.body"


class Evidence(Base):
    """A raw message. `reference` is what our own address said about it: the id of what we asked, or nothing.

    `shortcode`: which of ours the address was given for; empty where an address serves several.
    """

    __tablename__ = "evidence"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20), server_default="", default="")
    reference: Mapped[str] = mapped_column(String(64), server_default="", default="")
    body: Mapped[str] = mapped_column(Encrypted(BODY_PLACE))
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class EvidenceVerdict(Base):
    """What a message meant. `receipt`, `amount_cents` and `payer_masked` are what it said, if it did."""

    __tablename__ = "evidence_verdicts"
    __table_args__ = (
        Index("ix_evidence_verdicts_receipt", "receipt_id", postgresql_where=text("receipt_id IS NOT NULL")),
        Index(
            "ix_evidence_verdicts_contribution",
            "contribution_id",
            postgresql_where=text("contribution_id IS NOT NULL"),
        ),
        # What a message said, where no receipt of ours says so already.
        Index(
            "ix_evidence_verdicts_said",
            "receipt",
            postgresql_where=text("receipt_id IS NULL AND receipt <> ''"),
        ),
        Index("ix_evidence_verdicts_duplicate", "receipt_id", postgresql_where=text("verdict = 'duplicate'")),
        Index(
            "ix_evidence_verdicts_bad",
            "at",
            postgresql_where=text("verdict IN ('mismatch', 'unreadable', 'unknown_prompt')"),
        ),
    )

    evidence_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("evidence.id"), primary_key=True)
    verdict: Mapped[str] = mapped_column(String(20))
    receipt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("receipts.id"))
    contribution_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("contributions.id"))
    receipt: Mapped[str] = mapped_column(String(40), server_default="", default="")
    amount_cents: Mapped[int | None] = mapped_column(BigInteger)
    payer_masked: Mapped[str] = mapped_column(String(30), server_default="", default="")
    detail: Mapped[str] = mapped_column(String(300), server_default="", default="")
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


append_only(Evidence)
