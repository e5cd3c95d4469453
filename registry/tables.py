"""What the DCI server and the asynchronous half of the client must remember. The adapters store nothing."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, Encrypted

_ID = String(99)
_INSTANT = DateTime(timezone=True)


class DciClientRow(Base):
    """One system that may call us. `speaks_for`: the registry whose events we believe from it, or empty.

    `secret_hash` is SHA-256: secrets are made by us with 256 random bits, so nothing slower is needed.
    """

    __tablename__ = "dci_clients"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    secret_hash: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]] = mapped_column(JSONB)
    signatures: Mapped[str] = mapped_column(String(10))
    keys: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    keys_url: Mapped[str] = mapped_column(String(500), server_default="", default="")
    callback_base: Mapped[str] = mapped_column(String(500), server_default="", default="")
    speaks_for: Mapped[str] = mapped_column(String(30), server_default="", default="")
    requests_per_minute: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(_INSTANT)
    disabled_at: Mapped[datetime | None] = mapped_column(_INSTANT)


class DciMessageRow(Base):
    """One message we took; its id is the correlation id. `body` is kept only until it has been answered.

    Unique on (client, message id): a message replayed while this row lives is refused.
    """

    __tablename__ = "dci_messages"
    __table_args__ = (
        UniqueConstraint("client_id", "message_id"),
        Index("ix_dci_messages_transaction", "client_id", "transaction_id"),
        Index("ix_dci_messages_received", "received_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("dci_clients.id"))
    message_id: Mapped[str] = mapped_column(_ID)
    action: Mapped[str] = mapped_column(String(20))
    transaction_id: Mapped[str] = mapped_column(_ID)
    state: Mapped[str] = mapped_column(String(4))
    body: Mapped[str | None] = mapped_column(Encrypted("dci_messages.body"))
    callback_url: Mapped[str] = mapped_column(String(500), server_default="", default="")
    results: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    received_at: Mapped[datetime] = mapped_column(_INSTANT)
    answered_at: Mapped[datetime | None] = mapped_column(_INSTANT)


class DciSubscriptionRow(Base):
    """Who is told of what. `subject` is a blind index of the member, or empty for the whole programme."""

    __tablename__ = "dci_subscriptions"
    __table_args__ = (
        Index(
            "uq_dci_subscriptions_live",
            "client_id",
            "event",
            "subject",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_dci_subscriptions_event", "event", "subject", postgresql_where=text("ended_at IS NULL")),
    )

    code: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("dci_clients.id"))
    event: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(64), server_default="", default="")
    callback_url: Mapped[str] = mapped_column(String(500))
    until: Mapped[datetime | None] = mapped_column(_INSTANT)
    created_at: Mapped[datetime] = mapped_column(_INSTANT)
    ended_at: Mapped[datetime | None] = mapped_column(_INSTANT)


class DciHeardRow(Base):
    """One event we were told of; the same (client, transaction, reference) again is the same event."""

    __tablename__ = "dci_heard"

    client_id: Mapped[str] = mapped_column(ForeignKey("dci_clients.id"), primary_key=True)
    transaction_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    reference_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    event: Mapped[str] = mapped_column(String(60))
    outcome: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(_INSTANT)


class DciQuestionRow(Base):
    """One question we asked that is answered by a call to us. A second answer to it changes nothing."""

    __tablename__ = "dci_questions"

    transaction_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    connection: Mapped[str] = mapped_column(String(30))
    action: Mapped[str] = mapped_column(String(20))
    purpose: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(99))
    reference_ids: Mapped[list[str]] = mapped_column(JSONB)
    correlation_id: Mapped[str] = mapped_column(String(200), server_default="", default="")
    asked_at: Mapped[datetime] = mapped_column(_INSTANT)
    answered_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    answer: Mapped[str | None] = mapped_column(Encrypted("dci_questions.answer"))


class DciWatchRow(Base):
    """One event of one person that a registry has promised to tell us of. `subject` is our own id of them."""

    __tablename__ = "dci_watches"
    __table_args__ = (UniqueConstraint("connection", "event", "subject"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    connection: Mapped[str] = mapped_column(String(30))
    event: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(99), index=True)
    code: Mapped[str] = mapped_column(String(200), server_default="", default="", index=True)
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(200), server_default="", default="")
    asked_at: Mapped[datetime] = mapped_column(_INSTANT)
    settled_at: Mapped[datetime | None] = mapped_column(_INSTANT)
