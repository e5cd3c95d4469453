"""The audit trail: who did or saw what, and why; append-only and chained by hash."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, String, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, advisory_lock, append_only

GENESIS = "0" * 64


class AuditEntry(Base):
    """One act. `prev_hash` is the `hash` of the entry before it, so that a removed or changed entry shows."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_subject", "subject", "number"),
        Index("ix_audit_actor", "actor", "number"),
        Index("ix_audit_action", "action", "number"),
        Index("ix_audit_at", "at"),
    )

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(String(400), server_default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


append_only(AuditEntry)


def record(
    session: Session,
    *,
    at: datetime,
    actor: str,
    action: str,
    subject: str | uuid.UUID,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Append an act in the caller's transaction. `details` may hold ids and masked values only."""
    with advisory_lock(session, "audit"):
        previous = (
            session.scalar(select(AuditEntry.hash).order_by(AuditEntry.number.desc()).limit(1)) or GENESIS
        )
        entry = AuditEntry(
            at=at,
            actor=actor,
            action=action,
            subject=str(subject),
            reason=reason,
            details=dict(details or {}),
            prev_hash=previous,
        )
        entry.hash = digest(entry)
        session.add(entry)
        session.flush()
    return entry


def digest(entry: AuditEntry) -> str:
    """The chained hash of an entry: SHA-256 over its canonical JSON and the previous hash."""
    fields = [
        entry.prev_hash,
        entry.at.timestamp(),
        entry.actor,
        entry.action,
        entry.subject,
        entry.reason,
        entry.details,
    ]
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def first_broken(session: Session) -> int | None:
    """The number of the first entry that does not follow from the one before; None when the chain holds."""
    previous = GENESIS
    in_order = select(AuditEntry).order_by(AuditEntry.number).execution_options(yield_per=1000)
    with session.scalars(in_order) as entries:
        for entry in entries:
            if entry.prev_hash != previous or entry.hash != digest(entry):
                return entry.number
            previous = entry.hash
    return None
