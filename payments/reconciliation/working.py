"""Having a difference in hand: whose it is, and what was noted about it."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.errors import InvalidValue
from core.reasons import on_one_line
from payments.reconciliation.tables import Break, BreakNote

NOTE_CHARACTERS_MAX = 400


def take(session: Session, break_id: uuid.UUID, *, by: str, now: datetime) -> bool:
    """Make somebody the owner of an open difference; False when it is theirs already or no longer open."""
    row = session.get(Break, break_id, with_for_update=True)
    if row is None or row.state != "open" or row.owner == by:
        return False
    before, row.owner = row.owner, by
    audit.record(session, at=now, actor=by, action="break.taken", subject=row.id, details={"before": before})
    return True


def release(session: Session, break_id: uuid.UUID, *, by: str, now: datetime) -> bool:
    """Give a difference of one's own back to everybody."""
    row = session.get(Break, break_id, with_for_update=True)
    if row is None or row.owner != by:
        return False
    row.owner = None
    audit.record(session, at=now, actor=by, action="break.released", subject=row.id)
    return True


def note(session: Session, break_id: uuid.UUID, text: str, *, by: str, now: datetime) -> bool:
    """Write something down for whoever looks next; False when there is no such difference.

    The last note once more by the same person, as a second click sends it, is that note. Raises
    InvalidValue for an empty note.
    """
    if session.get(Break, break_id, with_for_update=True) is None:
        return False
    text = on_one_line(text)[:NOTE_CHARACTERS_MAX]
    if not text:
        raise InvalidValue("a note says something")
    last = session.scalar(
        select(BreakNote).where(BreakNote.break_id == break_id).order_by(BreakNote.number.desc()).limit(1)
    )
    if last is not None and (last.by, last.text) == (by, text):
        return True
    session.add(BreakNote(break_id=break_id, by=by, at=now, text=text))
    audit.record(session, at=now, actor=by, action="break.noted", subject=break_id)
    return True


def notes_on(session: Session, break_id: uuid.UUID) -> Sequence[BreakNote]:
    """Every note, oldest first."""
    return session.scalars(
        select(BreakNote).where(BreakNote.break_id == break_id).order_by(BreakNote.number)
    ).all()
