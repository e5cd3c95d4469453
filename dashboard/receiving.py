"""SMS to the fund that wait for a person: who wrote, masked, and what."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import AuditEntry
from core.errors import InvalidValue
from core.phone import PhoneNumber
from members.model import Member
from members.service import Members
from messages.tables import InboundMessageRow

ROWS_MAX = 200
ANSWERED_MAX = 100
_ANSWERS_MAX = 1000
_ANSWERED = "inbox.answered"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One SMS. `phone` is None when no phone wrote; `member` is whose phone it is, if it is a member's."""

    message_id: uuid.UUID
    sender_masked: str
    phone: PhoneNumber | None
    member: Member | None
    text: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """One SMS that staff called answered: `by` is the actor of the audit trail."""

    message: Waiting
    by: str
    at: datetime


def waiting(session: Session, members: Members) -> Sequence[Waiting]:
    """What nobody has answered, the longest waiting first; 200 at most."""
    rows = session.scalars(
        select(InboundMessageRow)
        .where(InboundMessageRow.answered.is_(False))
        .order_by(InboundMessageRow.received_at, InboundMessageRow.id)
        .limit(ROWS_MAX)
    ).all()
    return [_shown(session, members, row) for row in rows]


def answer(session: Session, message_id: uuid.UUID) -> bool | None:
    """Mark as answered. False when it was already, None when there is no such SMS."""
    row = session.get(InboundMessageRow, message_id, with_for_update=True)
    if row is None:
        return None
    was_waiting = not row.answered
    row.answered = True
    return was_waiting


def answered_lately(session: Session, members: Members) -> Sequence[Answered]:
    """What staff called answered and nobody opened again, the newest first; 100 at most.

    Who and when is in the audit trail alone. Only its newest thousand answers are looked at.
    """
    newest = (
        select(AuditEntry.subject, AuditEntry.actor, AuditEntry.at, AuditEntry.number)
        .where(AuditEntry.action == _ANSWERED)
        .order_by(AuditEntry.number.desc())
        .limit(_ANSWERS_MAX)
    )
    last: dict[uuid.UUID, tuple[str, datetime]] = {}
    for entry in session.execute(newest):
        last.setdefault(uuid.UUID(entry.subject), (entry.actor, entry.at))
    found = session.scalars(
        select(InboundMessageRow).where(InboundMessageRow.id.in_(last), InboundMessageRow.answered.is_(True))
    )
    rows = {row.id: row for row in found}
    shown = [message_id for message_id in last if message_id in rows][:ANSWERED_MAX]
    return [Answered(_shown(session, members, rows[each]), *last[each]) for each in shown]


def open_again(session: Session, message_id: uuid.UUID) -> bool | None:
    """Have it wait again. False when it does already, None when staff never called it answered."""
    row = session.get(InboundMessageRow, message_id, with_for_update=True)
    was_answered = select(AuditEntry.number).where(
        AuditEntry.subject == str(message_id), AuditEntry.action == _ANSWERED
    )
    if row is None or session.scalar(was_answered.limit(1)) is None:
        return None
    is_put_back = row.answered
    row.answered = False
    return is_put_back


def _shown(session: Session, members: Members, row: InboundMessageRow) -> Waiting:
    try:
        phone = PhoneNumber.parse(row.sender)
    except InvalidValue:
        # A short code or a name: nobody's phone, and nothing to mask.
        return Waiting(row.id, row.sender, None, None, row.text, row.received_at)
    return Waiting(row.id, phone.masked, phone, members.by_phone(session, phone), row.text, row.received_at)
