"""Being seen at a page, and seeing who else is there. A row counts for a minute and a half."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dashboard.presence.tables import Presence
from dashboard.staff.tables import Staff

COUNTS_FOR = timedelta(seconds=90)


def be_seen(session: Session, subject: uuid.UUID, staff_id: uuid.UUID, *, now: datetime) -> None:
    """Say that somebody looks at it now; rows that no longer count are swept."""
    session.execute(delete(Presence).where(Presence.seen_at < now - COUNTS_FOR))
    row = insert(Presence).values(subject=str(subject), staff_id=staff_id, seen_at=now)
    session.execute(
        row.on_conflict_do_update(
            index_elements=["subject", "staff_id"], set_={"seen_at": row.excluded.seen_at}
        )
    )


def others_at(session: Session, subject: uuid.UUID, staff_id: uuid.UUID, *, now: datetime) -> Sequence[str]:
    """The names of everybody else who looks at it."""
    return session.scalars(
        select(Staff.name)
        .join(Presence, Presence.staff_id == Staff.id)
        .where(
            Presence.subject == str(subject),
            Presence.staff_id != staff_id,
            Presence.seen_at >= now - COUNTS_FOR,
        )
        .order_by(Staff.name)
    ).all()
