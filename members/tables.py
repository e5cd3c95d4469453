"""What is stored about members. Personal data is encrypted; blind indexes beside it find it again."""

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Sequence,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, Encrypted, append_only
from members.model import (
    Enrolment,
    IdentityState,
    NoticeKind,
    PhoneChangeState,
    Purpose,
    Standing,
    Status,
    TellingState,
)
from members.numbers import SERIAL_MAX

_INDEX = String(64)
_INSTANT = DateTime(timezone=True)

member_number_seq = Sequence("member_number_seq", minvalue=1, maxvalue=SERIAL_MAX, metadata=Base.metadata)


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


# How a membership's row is locked, by `get` and with the same word by `select`. Whatever is written for a
# member (receipts, messages, consents) holds a key-share lock on this row through its foreign key; a lock
# that refused those would make who changes a member and who pays wait for each other until one is thrown out.
MEMBER_LOCK: Final[dict[str, bool]] = {"key_share": True}


class MemberRow(Base):
    """One membership. No full name is kept, only its mask and a blind index of name and birth date.

    `wallet_hash_index` is the blind index of what M-Pesa C2B v1 sends in place of the phone. `join_key` is
    the hop that made the membership.
    """

    __tablename__ = "members"
    __table_args__ = (
        UniqueConstraint("identifier_type", "identifier_index"),
        _one_of("status", Status),
        CheckConstraint("merged_into IS NULL OR status = 'closed'", name="merged"),
        Index("ix_members_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(9), unique=True)
    status: Mapped[str] = mapped_column(String(24), index=True)
    language: Mapped[str] = mapped_column(String(8))
    phone: Mapped[str] = mapped_column(Encrypted("members.phone"))
    phone_index: Mapped[str] = mapped_column(_INDEX, unique=True)
    wallet_hash_index: Mapped[str] = mapped_column(_INDEX, unique=True)
    identifier_type: Mapped[str] = mapped_column(String(20))
    identifier: Mapped[str] = mapped_column(Encrypted("members.identifier"))
    identifier_index: Mapped[str] = mapped_column(_INDEX)
    masked_name: Mapped[str | None] = mapped_column(Encrypted("members.masked_name"))
    birth_date: Mapped[str | None] = mapped_column(Encrypted("members.birth_date"))
    name_birth_index: Mapped[str | None] = mapped_column(_INDEX, index=True)
    name_source: Mapped[str | None] = mapped_column(String(80))
    name_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    name_confirmed: Mapped[bool] = mapped_column(server_default="false")
    join_key: Mapped[str] = mapped_column(String(200), unique=True)
    joined_at: Mapped[datetime] = mapped_column(_INSTANT)
    # The membership that stayed when staff found that both were one person's; this one is then closed.
    merged_into: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("members.id"))


class ConsentRow(Base):
    """One answer to one purpose; the newest of a purpose holds. Never changed."""

    __tablename__ = "consents"
    __table_args__ = (
        _one_of("purpose", Purpose),
        Index("ix_consents_member_purpose", "member_id", "purpose", "number"),
    )

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    member_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"))
    purpose: Mapped[str] = mapped_column(String(20))
    given: Mapped[bool]
    notice_version: Mapped[str] = mapped_column(String(80))
    language: Mapped[str] = mapped_column(String(8))
    channel: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(_INSTANT)


append_only(ConsentRow)


class PinRow(Base):
    """A member's PIN as a peppered argon2id hash, and how often it was wrong in a row.

    Without `hash` no PIN opens anything; a new one may be chosen before `choose_until`. `failed_count` then
    counts wrong numbers of the member's paper. `last_key`: the hop of the last PIN judged, with a keyed
    hash of that PIN, or the call that has shown the right number.
    """

    __tablename__ = "pins"
    __table_args__ = (CheckConstraint("(hash IS NULL) = (choose_until IS NOT NULL)", name="hash_or_choice"),)

    member_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"), primary_key=True)
    hash: Mapped[str | None] = mapped_column(Text)
    choose_until: Mapped[datetime | None] = mapped_column(_INSTANT)
    failed_count: Mapped[int] = mapped_column(server_default="0")
    locked_until: Mapped[datetime | None] = mapped_column(_INSTANT)
    last_key: Mapped[str] = mapped_column(String(200), server_default="")
    changed_at: Mapped[datetime] = mapped_column(_INSTANT)


class IdentityCheckRow(Base):
    """One ID typed on one phone, and what the civil registry said. `member_id`: the membership it led to."""

    __tablename__ = "identity_checks"
    __table_args__ = (
        _one_of("state", IdentityState),
        Index("ix_identity_checks_phone", "phone_index", "created_at"),
        Index("ix_identity_checks_identifier", "identifier_type", "identifier_index"),
        # What led to no membership is forgotten.
        Index("ix_identity_checks_forgotten", "created_at", postgresql_where=text("member_id IS NULL")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    phone_index: Mapped[str] = mapped_column(_INDEX)
    identifier_type: Mapped[str] = mapped_column(String(20))
    identifier: Mapped[str] = mapped_column(Encrypted("identity_checks.identifier"))
    identifier_index: Mapped[str] = mapped_column(_INDEX)
    state: Mapped[str] = mapped_column(String(20))
    masked_name: Mapped[str | None] = mapped_column(Encrypted("identity_checks.masked_name"))
    birth_date: Mapped[str | None] = mapped_column(Encrypted("identity_checks.birth_date"))
    name_birth_index: Mapped[str | None] = mapped_column(_INDEX)
    source: Mapped[str | None] = mapped_column(String(80))
    answered_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    failed_attempts: Mapped[int] = mapped_column(server_default="0")
    last_error: Mapped[str | None] = mapped_column(String(200))
    member_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("members.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(_INSTANT)


class EnrolmentCheckRow(Base):
    """Whether the person of an identity check is enrolled elsewhere, by which registry, as of when."""

    __tablename__ = "enrolment_checks"
    __table_args__ = (_one_of("state", Enrolment),)

    check_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("identity_checks.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(10))
    source: Mapped[str | None] = mapped_column(String(80))
    asked_at: Mapped[datetime] = mapped_column(_INSTANT)
    answered_at: Mapped[datetime | None] = mapped_column(_INSTANT)


class EnrolmentTellingRow(Base):
    """What the central registry is told of a membership, the `number`-th time that it changed.

    `sent_at`: since when it may be there. None is changed once it is settled.
    """

    __tablename__ = "enrolment_tellings"
    __table_args__ = (_one_of("standing", Standing), _one_of("state", TellingState))

    member_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    standing: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    written_at: Mapped[datetime] = mapped_column(_INSTANT)
    sent_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    settled_at: Mapped[datetime | None] = mapped_column(_INSTANT)


class NumberLookUpRow(Base):
    """A member number that a phone asked about on a fund day; forgotten after two days."""

    __tablename__ = "number_look_ups"

    phone_index: Mapped[str] = mapped_column(_INDEX, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True, index=True)
    number: Mapped[str] = mapped_column(String(9), primary_key=True)


class PhoneChangeRow(Base):
    """One request to move a membership to another phone. `doubt` says why staff must look, in a code.

    `new_language`: that of who asked, on the new phone; empty of requests of before this was kept.
    """

    __tablename__ = "phone_changes"
    __table_args__ = (
        _one_of("state", PhoneChangeState),
        Index("ix_phone_changes_new_phone", "new_phone_index", "requested_at"),
        Index("ix_phone_changes_old_phone", "old_phone_index", "state"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    member_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"), index=True)
    old_phone: Mapped[str] = mapped_column(Encrypted("phone_changes.old_phone"))
    old_phone_index: Mapped[str] = mapped_column(_INDEX)
    new_phone: Mapped[str] = mapped_column(Encrypted("phone_changes.new_phone"))
    new_phone_index: Mapped[str] = mapped_column(_INDEX)
    new_language: Mapped[str] = mapped_column(String(8), server_default="", default="")
    state: Mapped[str] = mapped_column(String(12), index=True)
    doubt: Mapped[str] = mapped_column(String(40), server_default="")
    requested_at: Mapped[datetime] = mapped_column(_INSTANT)
    due_at: Mapped[datetime] = mapped_column(_INSTANT)
    decided_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    decided_by: Mapped[str | None] = mapped_column(String(80))
    reason: Mapped[str | None] = mapped_column(String(400))


class RegistryNoticeRow(Base):
    """One thing a registry told us. `status_before`: the membership's, before this was heard."""

    __tablename__ = "registry_notices"
    __table_args__ = (
        _one_of("kind", NoticeKind),
        Index(
            "uq_registry_notices_open",
            "member_id",
            "kind",
            unique=True,
            postgresql_where=text("finished_at IS NULL"),
        ),
        Index("ix_registry_notices_member", "member_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    member_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("members.id"))
    kind: Mapped[str] = mapped_column(String(12))
    source: Mapped[str] = mapped_column(String(80))
    event_on: Mapped[str] = mapped_column(String(10), server_default="", default="")
    status_before: Mapped[str] = mapped_column(String(24))
    came_at: Mapped[datetime] = mapped_column(_INSTANT)
    finished_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    finished_by: Mapped[str | None] = mapped_column(String(80))
    answer: Mapped[str | None] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(400), server_default="", default="")
