"""What is stored about SMS. Phones and words are encrypted; a blind index beside each phone finds it."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, Encrypted, append_only
from messages.model import MessageState

_INDEX = String(64)
_INSTANT = DateTime(timezone=True)
_STATES = ", ".join(f"'{state}'" for state in MessageState)


class MessageRow(Base):
    """One SMS to one phone; `key` is the outbox row's. `resent`: it may have been sent twice, knowingly."""

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        Index("ix_messages_phone", "phone_index", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    member_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("members.id"), index=True)
    phone: Mapped[str] = mapped_column(Encrypted("messages.phone"))
    phone_index: Mapped[str] = mapped_column(_INDEX)
    template: Mapped[str] = mapped_column(String(40))
    language: Mapped[str] = mapped_column(String(8))
    body: Mapped[str] = mapped_column(Encrypted("messages.body"))
    septets: Mapped[int]
    parts: Mapped[int]
    state: Mapped[str] = mapped_column(String(12), index=True)
    resent: Mapped[bool] = mapped_column(server_default="false")
    provider_id: Mapped[str | None] = mapped_column(String(120), index=True)
    provider_status: Mapped[str] = mapped_column(String(60), server_default="")
    cost: Mapped[str] = mapped_column(String(40), server_default="")
    failure_reason: Mapped[str] = mapped_column(String(200), server_default="")
    created_at: Mapped[datetime] = mapped_column(_INSTANT)
    sent_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    final_at: Mapped[datetime | None] = mapped_column(_INSTANT)


class DeliveryReportRow(Base):
    """One report as it came, known message or not. Never changed."""

    __tablename__ = "delivery_reports"

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    provider_id: Mapped[str] = mapped_column(String(120), index=True)
    status: Mapped[str] = mapped_column(String(60))
    failure_reason: Mapped[str] = mapped_column(String(200))
    network_code: Mapped[str] = mapped_column(String(20))
    raw: Mapped[str] = mapped_column(Encrypted("delivery_reports.raw"))
    received_at: Mapped[datetime] = mapped_column(_INSTANT)


append_only(DeliveryReportRow)


class InboundMessageRow(Base):
    """One SMS to us. `answered` is False while staff should read it."""

    __tablename__ = "inbound_messages"
    __table_args__ = (Index("ix_inbound_messages_sender", "sender_index", "received_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    provider_id: Mapped[str] = mapped_column(String(120), unique=True)
    sender: Mapped[str] = mapped_column(Encrypted("inbound_messages.sender"))
    sender_index: Mapped[str] = mapped_column(_INDEX)
    text: Mapped[str] = mapped_column(Encrypted("inbound_messages.text"))
    keyword: Mapped[str] = mapped_column(String(20), index=True)
    answered: Mapped[bool]
    received_at: Mapped[datetime] = mapped_column(_INSTANT)
