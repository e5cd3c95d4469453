"""The outbox: what must happen outside is remembered here, in the transaction that made it necessary.

RQ only carries ids of these rows. A row is handed out by `hand_out`, claimed by a lease, and then finished,
postponed or buried. Nothing depends on Redis or on a worker surviving: when a lease runs out, the row is
handed out again.
"""

import json
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    CTE,
    CheckConstraint,
    ColumnElement,
    CursorResult,
    Index,
    Select,
    String,
    UniqueConstraint,
    and_,
    any_,
    delete,
    func,
    literal,
    literal_column,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, fitting
from core.ids import new_id


class OutboxRow(Base):
    """One thing to do outside. Payloads hold ids, codes and amounts, never personal data in clear."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("topic", "key"),
        CheckConstraint("state IN ('pending', 'done', 'dead')", name="state"),
        Index("ix_outbox_due", "due_at", "id", postgresql_where=text("state = 'pending' AND order_key = ''")),
        Index("ix_outbox_open", "topic", postgresql_where=text("state <> 'done'")),
        Index("ix_outbox_finished", "finished_at", postgresql_where=text("state = 'done'")),
        Index(
            "ix_outbox_order",
            "order_key",
            "id",
            postgresql_where=text("state = 'pending' AND order_key <> ''"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(200))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    order_key: Mapped[str] = mapped_column(String(200), server_default="")
    state: Mapped[str] = mapped_column(String(10), server_default="pending")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    leased_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_error: Mapped[str | None] = mapped_column(String(500))


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed row: what a handler is given.

    `attempt` counts from 1, waiting included; `failures` are the attempts before this one that raised.
    """

    id: uuid.UUID
    topic: str
    key: str
    payload: Mapping[str, Any]
    attempt: int
    created_at: datetime
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Later:
    """A handler's answer when its work is not over: ask again after `seconds`, for this reason."""

    seconds: float
    reason: str


# Works one task: None when it is done.
Handler = Callable[[Task], Later | None]
# Hears that a task was given up, in the transaction that keeps it so.
GivenUp = Callable[[Session, Task], None]
# Works many tasks together, all or nothing; returns those it left for their handler, one by one.
BatchHandler = Callable[[Sequence[Task]], Sequence[Task]]


def add(
    session: Session,
    topic: str,
    key: str,
    payload: Mapping[str, Any],
    *,
    now: datetime,
    due_at: datetime | None = None,
    order_key: str = "",
) -> bool:
    """Remember a task. False when a task with this topic and key exists already, whatever its state."""
    statement = (
        insert(OutboxRow)
        .values(
            id=new_id(),
            topic=topic,
            key=key,
            payload=dict(payload),
            order_key=order_key,
            created_at=now,
            due_at=due_at or now,
        )
        .on_conflict_do_nothing(index_elements=["topic", "key"])
        .returning(OutboxRow.id)
    )
    return session.execute(statement).first() is not None


_ADD_MANY = """
INSERT INTO outbox (id, topic, key, payload, created_at, due_at)
SELECT u.id, %(topic)s, u.key, u.payload::jsonb, %(now)s, %(now)s
FROM unnest(%(ids)s::uuid[], %(keys)s::text[], %(payloads)s::text[]) AS u (id, key, payload)
ORDER BY u.key
ON CONFLICT (topic, key) DO NOTHING
"""


def add_many(session: Session, topic: str, tasks: Mapping[str, Mapping[str, Any]], *, now: datetime) -> None:
    """Remember many tasks of one topic, key → payload, by one statement; those that exist are left alone."""
    values = {
        "topic": topic,
        "ids": [new_id() for _ in tasks],
        "keys": list(tasks),
        "payloads": [json.dumps(payload) for payload in tasks.values()],
        "now": now,
    }
    session.connection().exec_driver_sql(_ADD_MANY, values)


@dataclass(frozen=True, slots=True)
class New:
    """One of many tasks that are remembered together."""

    key: str
    payload: Mapping[str, Any]
    order_key: str = ""


def add_all(session: Session, topic: str, tasks: Sequence[New], *, now: datetime) -> None:
    """Remember many tasks of one topic, in their order; those that exist already stay as they are."""
    # Of ids of one millisecond the order is chance.
    ids = sorted(new_id() for _ in tasks)
    values = {
        "topic": topic,
        "ids": ids,
        "keys": [task.key for task in tasks],
        "payloads": [json.dumps(task.payload) for task in tasks],
        "order_keys": [task.order_key for task in tasks],
        "now": now,
    }
    session.connection().exec_driver_sql(_ADD_ALL, values)


_ADD_ALL = """
INSERT INTO outbox (id, topic, key, payload, order_key, due_at)
SELECT u.id, %(topic)s, u.key, u.payload::jsonb, u.order_key, %(now)s
FROM unnest(%(ids)s::uuid[], %(keys)s::text[], %(payloads)s::text[], %(order_keys)s::text[])
  AS u (id, key, payload, order_key)
ORDER BY u.id
ON CONFLICT (topic, key) DO NOTHING
"""


def is_pending(session: Session, topic: str, key: str) -> bool:
    """Whether this task is neither finished nor given up; it may be under way."""
    row = select(OutboxRow.id).where(OutboxRow.topic == topic, OutboxRow.key == key, _pending(OutboxRow))
    return session.scalar(row) is not None


def bring_forward(session: Session, topic: str, key: str, due_at: datetime) -> None:
    """Make a task that was never tried due earlier; tried or finished ones are left alone."""
    session.execute(
        update(OutboxRow)
        .where(
            OutboxRow.topic == topic,
            OutboxRow.key == key,
            OutboxRow.state == "pending",
            OutboxRow.attempts == 0,
        )
        .values(due_at=func.least(OutboxRow.due_at, due_at))
    )


def wake(session: Session, topic: str, keys: Sequence[str], *, now: datetime) -> None:
    """Make those that wait for another try due at once; what somebody is at work on is left alone."""
    session.execute(
        update(OutboxRow)
        .where(_waiting(topic, keys), OutboxRow.leased_until.is_(None) | (OutboxRow.leased_until <= now))
        .values(due_at=func.least(OutboxRow.due_at, now))
        .execution_options(synchronize_session=False)
    )


def hand_out(
    session: Session, *, now: datetime, seconds: float, limit: int, topics: Collection[str] | None = None
) -> list[tuple[uuid.UUID, str]]:
    """Choose due rows and hide them for `seconds`; returns (id, topic), oldest first.

    Rows with an order key go one at a time: only the oldest pending one of its key is handed out.
    `topics`: only these; what another release wrote waits for a process that knows it.
    """
    known = true() if topics is None else OutboxRow.topic.in_(topics)
    ready = (
        select(OutboxRow.id, OutboxRow.topic, OutboxRow.due_at)
        .where(_pending(OutboxRow), OutboxRow.due_at <= now, known)
        .order_by(OutboxRow.due_at, OutboxRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=OutboxRow)
    )
    heads = oldest_of_each_key()
    free = session.execute(ready.where(OutboxRow.order_key == literal_column("''"))).all()
    ordered = session.execute(ready.join(heads, heads.c.id == OutboxRow.id)).all()
    due = sorted([*free, *ordered], key=lambda row: (row.due_at, row.id))[:limit]
    if due:
        session.execute(
            update(OutboxRow)
            .where(OutboxRow.id.in_([row.id for row in due]))
            .values(due_at=now + timedelta(seconds=seconds))
            .execution_options(synchronize_session=False)
        )
    return [(row.id, row.topic) for row in due]


@cache
def oldest_of_each_key() -> CTE:
    """The id of the oldest pending row of each order key, found by one step in the index per key.

    Behind a row that waits there may be a hundred thousand others, which are not looked at. Kept, since
    making this takes longer than asking it.
    """
    first = _after(literal_column("''")).subquery()
    heads = select(first.c.order_key, first.c.id).cte("heads", recursive=True)
    following = _after(heads.c.order_key).correlate(heads).lateral()
    return heads.union_all(
        select(following.c.order_key, following.c.id).select_from(heads.join(following, true()))
    )


def _after(order_key: ColumnElement[str]) -> Select[str, uuid.UUID]:
    row = aliased(OutboxRow)
    return (
        select(row.order_key, row.id)
        .where(_pending(row), row.order_key != literal_column("''"), row.order_key > order_key)
        .order_by(row.order_key, row.id)
        .limit(1)
    )


def _waiting(topic: str, keys: Sequence[str]) -> ColumnElement[bool]:
    these = OutboxRow.key == any_(literal(list(keys), ARRAY(String)))
    return and_(OutboxRow.topic == topic, these, OutboxRow.state == "pending")


def _pending(row: type[OutboxRow]) -> ColumnElement[bool]:
    # Written out rather than bound, so that every plan may use the indexes of pending rows.
    return row.state == literal_column("'pending'")


def claim(session: Session, task_id: uuid.UUID, *, now: datetime, lease_seconds: float) -> Task | None:
    """Take a row for `lease_seconds`. None when it is finished or somebody else holds it."""
    until = now + timedelta(seconds=lease_seconds)
    row = session.execute(
        update(OutboxRow)
        .where(OutboxRow.id == task_id, OutboxRow.state == "pending")
        .where(OutboxRow.leased_until.is_(None) | (OutboxRow.leased_until <= now))
        .values(leased_until=until, due_at=until, attempts=OutboxRow.attempts + 1)
        .returning(
            OutboxRow.id,
            OutboxRow.topic,
            OutboxRow.key,
            OutboxRow.payload,
            OutboxRow.attempts,
            OutboxRow.created_at,
            OutboxRow.failures,
        )
    ).first()
    return None if row is None else Task(*row)


_CLAIM_MANY = """
UPDATE outbox SET leased_until = %(until)s, due_at = %(until)s, attempts = attempts + 1
WHERE id IN (
  SELECT id FROM outbox
  WHERE id = ANY(%(ids)s) AND state = 'pending' AND (leased_until IS NULL OR leased_until <= %(now)s)
  ORDER BY id FOR UPDATE SKIP LOCKED
)
RETURNING id, topic, key, payload, attempts, created_at, failures
"""


def claim_many(
    session: Session, task_ids: Sequence[uuid.UUID], *, now: datetime, lease_seconds: float
) -> list[Task]:
    """Take as many of these rows as are free for `lease_seconds`, oldest first."""
    values = {"ids": list(task_ids), "now": now, "until": now + timedelta(seconds=lease_seconds)}
    rows = session.connection().exec_driver_sql(_CLAIM_MANY, values)
    return sorted((Task(*row) for row in rows), key=lambda task: task.id)


def finish_many(session: Session, task_ids: Sequence[uuid.UUID], *, now: datetime) -> None:
    """The work of all of these is done."""
    session.connection().exec_driver_sql(
        "UPDATE outbox SET state = 'done', finished_at = %(now)s, leased_until = NULL, last_error = NULL"
        " WHERE id = ANY(%(ids)s)",
        {"ids": list(task_ids), "now": now},
    )


def finish(session: Session, task_id: uuid.UUID, *, now: datetime) -> None:
    """The work is done."""
    _close(session, task_id, state="done", finished_at=now, last_error=None)


def bury(session: Session, task_id: uuid.UUID, error: str, *, now: datetime) -> None:
    """The work cannot be done: kept, counted and shown to staff."""
    _close(session, task_id, state="dead", finished_at=now, last_error=fitting(OutboxRow.last_error, error))


def put_back(session: Session, topic: str, key: str, *, now: datetime, order_key: str | None = None) -> bool:
    """Have a task that was finished or given up worked once more, with all its tries: with the failures of
    before, the first trouble that passes would bury it. False when there is none such.

    `order_key`: the queue in which it stands from now on, also if it waits already.
    """
    known = update(OutboxRow).where(OutboxRow.topic == topic, OutboxRow.key == key)
    known = known.execution_options(synchronize_session=False)
    if order_key is not None:
        session.execute(known.values(order_key=order_key))
    again = known.where(OutboxRow.state != "pending").values(
        state="pending", due_at=now, leased_until=None, finished_at=None, attempts=0, failures=0
    )
    return session.scalar(again.returning(OutboxRow.id)) is not None


def finish_keys(session: Session, topic: str, keys: Sequence[str], *, but: uuid.UUID, now: datetime) -> None:
    """Waiting tasks of a topic are done, because task `but` has taken over their work."""
    session.execute(
        update(OutboxRow)
        .where(_waiting(topic, keys), OutboxRow.id != but)
        .values(state="done", finished_at=now, leased_until=None, last_error=None)
        .execution_options(synchronize_session=False)
    )


def postpone(
    session: Session, task_id: uuid.UUID, reason: str, *, due_at: datetime, failed: bool = False
) -> None:
    """The work is not over: try again at `due_at`. `failed`: because it raised, which is counted."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.id == task_id, OutboxRow.state == "pending")
        .values(
            due_at=due_at,
            leased_until=None,
            last_error=fitting(OutboxRow.last_error, reason),
            failures=OutboxRow.failures + int(failed),
        )
    )


def _close(session: Session, task_id: uuid.UUID, **values: Any) -> None:
    session.execute(update(OutboxRow).where(OutboxRow.id == task_id).values(leased_until=None, **values))


def forget_done(session: Session, *, before: datetime) -> int:
    """Delete rows that were done before then; returns how many. What they did is kept by the rooms."""
    statement = delete(OutboxRow).where(OutboxRow.state == "done", OutboxRow.finished_at < before)
    result = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount
