"""SMS to the fund that wait for a person: who wrote, masked, and what."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import InvalidValue
from core.phone import PhoneNumber
from members.model import Member
from members.service import Members
from messages.tables import InboundMessageRow

ROWS_MAX = 200


@dataclass(frozen=True, slots=True)
class Waiting:
    """One SMS. `phone` is None when no phone wrote; `member` is whose phone it is, if it is a member's."""

    message_id: uuid.UUID
    sender_masked: str
    phone: PhoneNumber | None
    member: Member | None
    text: str
    received_at: datetime


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


def _shown(session: Session, members: Members, row: InboundMessageRow) -> Waiting:
    try:
        phone = PhoneNumber.parse(row.sender)
    except InvalidValue:
        # A short code or a name: nobody's phone, and nothing to mask.
        return Waiting(row.id, row.sender, None, None, row.text, row.received_at)
    return Waiting(row.id, phone.masked, phone, members.by_phone(session, phone), row.text, row.received_at)
