"""How the outbox stands: what waits, for how long, and what was given up."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from core.outbox import OutboxRow, oldest_of_each_key


@dataclass(frozen=True, slots=True)
class Backlog:
    """How one topic stands: rows waiting, rows given up, when the oldest waiting row was written, and since
    when a row has been due that nobody took. Behind one of its order that waits for its time, none is due.
    """

    topic: str
    pending: int
    dead: int
    oldest_pending_at: datetime | None
    due_since: datetime | None


def backlog(session: Session) -> list[Backlog]:
    """The state of every topic with work waiting or given up."""
    pending = func.count().filter(OutboxRow.state == "pending")
    dead = func.count().filter(OutboxRow.state == "dead")
    oldest = func.min(OutboxRow.created_at).filter(OutboxRow.state == "pending")
    is_first = (OutboxRow.order_key == "") | OutboxRow.id.in_(select(oldest_of_each_key().c.id))
    due = func.min(OutboxRow.due_at).filter(OutboxRow.state == "pending", is_first)
    rows = session.execute(
        select(OutboxRow.topic, pending, dead, oldest, due)
        .where(OutboxRow.state != "done")
        .group_by(OutboxRow.topic)
        .order_by(OutboxRow.topic)
    )
    return [Backlog(*row) for row in rows]


def is_worked(session: Session, *, since: datetime, now: datetime) -> bool:
    """Whether anybody has finished a task since then, or holds one now: a pile alone is no fault."""
    finished = exists().where(OutboxRow.state == "done", OutboxRow.finished_at >= since)
    held = exists().where(OutboxRow.state == "pending", OutboxRow.leased_until > now)
    return bool(session.scalar(select(or_(finished, held))))
