"""Tables of staff accounts, of their sessions that were ended, and of tries to sign in."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, Encrypted


class Staff(Base):
    """One account. `session_key` is part of every session: changing it ends them all."""

    __tablename__ = "staff"
    __table_args__ = (
        CheckConstraint("role IN ('officer', 'checker', 'supervisor', 'auditor', 'admin')", name="role"),
        CheckConstraint("email = lower(email)", name="email_lower"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(Text)
    # The administrator knows it: nothing can be done with the account before it was changed.
    must_change_password: Mapped[bool] = mapped_column(server_default="false", default=False)
    session_key: Mapped[str] = mapped_column(String(64))
    totp_secret: Mapped[str | None] = mapped_column(Encrypted("staff.totp_secret"))
    # Offered but not yet proven by a code; not asked for when signing in.
    totp_offered: Mapped[str | None] = mapped_column(Encrypted("staff.totp_offered"))
    # The 30-second step of the last code taken: a code is good once (RFC 6238 section 5.2).
    totp_last_step: Mapped[int | None]
    recovery_hashes: Mapped[list[str]] = mapped_column(ARRAY(String(64)), server_default="{}")
    active: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    last_sign_in_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class EndedSession(Base):
    """A session that its person ended. The cookie is signed and would be good for its whole time: who copied
    it before must not go on with it. Kept until the cookie is too old by itself.
    """

    __tablename__ = "staff_ended_sessions"
    __table_args__ = (Index("ix_staff_ended_sessions_ended_at", "ended_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    ended_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SignInTries(Base):
    """Failed tries per typed name, whether an account has that name or not, so that neither shows."""

    __tablename__ = "staff_sign_in_tries"
    __table_args__ = (Index("ix_staff_sign_in_tries_last_at", "last_at"),)

    name_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    failed_count: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    locked_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
