"""How the outbox stands: what waits, for how long, and what was given up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, literal, not_, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from core.outbox import OutboxRow, Task, oldest_of_each_key

# The relay hides for so long what it handed out; a task that met with trouble pauses for no longer than the
# second. What is due after that was set for later on purpose, and is no backlog.
_HANDED_OUT = timedelta(seconds=20)
_PAUSE_AFTER_TROUBLE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How one topic stands: rows waiting, set for later and given up; when the oldest waiting row was
    written, and since when a row has been due that nobody took. Behind one of its order that waits for its
    time, none is due.
    """

    topic: str
    pending: int
    later: int
    dead: int
    oldest_pending_at: datetime | None
    due_since: datetime | None


def backlog(session: Session, *, now: datetime) -> list[Backlog]:
    """The state of every topic with work waiting, set for later, or given up."""
    is_later = and_(OutboxRow.state == "pending", _is_later(now))
    is_waiting = and_(OutboxRow.state == "pending", not_(_is_later(now)))
    pending, later = func.count().filter(is_waiting), func.count().filter(is_later)
    dead = func.count().filter(OutboxRow.state == "dead")
    oldest = func.min(OutboxRow.created_at).filter(is_waiting)
    is_first = (OutboxRow.order_key == "") | OutboxRow.id.in_(select(oldest_of_each_key().c.id))
    due = func.min(OutboxRow.due_at).filter(OutboxRow.state == "pending", is_first)
    rows = session.execute(
        select(OutboxRow.topic, pending, later, dead, oldest, due)
        .where(OutboxRow.state != "done")
        .group_by(OutboxRow.topic)
        .order_by(OutboxRow.topic)
    )
    return [Backlog(*row) for row in rows]


def _is_later(now: datetime) -> ColumnElement[bool]:
    """SQL: set for a time to come, and nobody is at work on it.

    What was tried and pauses for a while is waiting: while a registry is away, all that is for it pauses.
    """
    is_free = OutboxRow.leased_until.is_(None) | (OutboxRow.leased_until <= now)
    untried = and_(OutboxRow.attempts == 0, OutboxRow.due_at > now + _HANDED_OUT)
    # What raised may pause longer each time; it is in trouble all the while.
    looks_again = and_(OutboxRow.failures == 0, OutboxRow.due_at > now + _PAUSE_AFTER_TROUBLE)
    return and_(is_free, or_(untried, looks_again))


def is_worked(session: Session, *, since: datetime, now: datetime) -> bool:
    """Whether anybody has finished a task since then, or holds one now: a pile alone is no fault."""
    finished = exists().where(OutboxRow.state == "done", OutboxRow.finished_at >= since)
    held = exists().where(OutboxRow.state == "pending", OutboxRow.leased_until > now)
    return bool(session.scalar(select(or_(finished, held))))


def another_tries_again(session: Session, task: Task) -> bool:
    """Whether another task of the topic with the same payload failed before and waits for its next try: what
    that does then, it does after now.
    """
    another = exists(
        select(OutboxRow.id).where(
            OutboxRow.topic == task.topic,
            OutboxRow.state == "pending",
            OutboxRow.attempts > 0,
            OutboxRow.leased_until.is_(None),
            OutboxRow.payload == literal(task.payload, JSONB),
            OutboxRow.id != task.id,
        )
    )
    return bool(session.scalar(select(another)))
