"""Messages remembered: so that none counts twice, and so that their state can be asked for."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from registry.codes import Status
from registry.server.model import Rejected
from registry.tables import DciHeardRow, DciMessageRow

# Well past the age at which a message is refused by its time stamp.
KEPT = timedelta(days=30)


def remember(
    session: Session,
    correlation_id: uuid.UUID,
    *,
    client_id: str,
    message_id: str,
    action: str,
    transaction_id: str,
    now: datetime,
) -> None:
    """Remember a message. Raises Rejected when it was received before."""
    statement = (
        insert(DciMessageRow)
        .values(
            id=correlation_id,
            client_id=client_id,
            message_id=message_id,
            action=action,
            transaction_id=transaction_id,
            state=Status.RECEIVED,
            results=[],
            received_at=now,
        )
        .on_conflict_do_nothing(index_elements=["client_id", "message_id"])
        .returning(DciMessageRow.id)
    )
    if session.execute(statement).first() is None:
        raise Rejected("rjct.message_id.duplicate", "this message was received before")


def keep_for_later(
    session: Session, correlation_id: uuid.UUID, body: str, callback_url: str
) -> DciMessageRow:
    """Keep a message until it is answered by a call."""
    row = session.get_one(DciMessageRow, correlation_id)
    row.body, row.callback_url, row.state = body, callback_url, Status.PENDING
    return row


def answered(
    session: Session,
    correlation_id: uuid.UUID,
    state: Status,
    results: Sequence[dict[str, Any]],
    now: datetime,
) -> None:
    """A message has its answer; `results` are its items without the data: who asked has those."""
    session.execute(
        update(DciMessageRow)
        .where(DciMessageRow.id == correlation_id)
        .values(state=state, results=list(results), answered_at=now, body=None)
    )


def delivered(session: Session, correlation_id: uuid.UUID, now: datetime) -> None:
    """The answer has reached who asked: what was asked is needed no more."""
    session.execute(
        update(DciMessageRow)
        .where(DciMessageRow.id == correlation_id)
        .values(state=Status.SUCCEEDED, answered_at=now, body=None)
    )


def first_hearing(
    session: Session,
    *,
    client_id: str,
    transaction_id: str,
    reference_id: str,
    event: str,
    outcome: str,
    now: datetime,
) -> bool:
    """Whether this event is news; the same ids from the same client are the same event."""
    statement = (
        insert(DciHeardRow)
        .values(
            client_id=client_id,
            transaction_id=transaction_id,
            reference_id=reference_id,
            event=event,
            outcome=outcome,
            at=now,
        )
        .on_conflict_do_nothing()
        .returning(DciHeardRow.reference_id)
    )
    return session.execute(statement).first() is not None


def find(session: Session, client_id: str, **by: Any) -> Sequence[DciMessageRow]:
    """A client's own messages by equal columns, newest first."""
    query = select(DciMessageRow).where(DciMessageRow.client_id == client_id).filter_by(**by)
    return session.scalars(query.order_by(DciMessageRow.received_at.desc(), DciMessageRow.id.desc())).all()


def forget_old(session: Session, now: datetime) -> int:
    """Delete what nobody can replay or ask for any more; returns how many messages."""
    old = delete(DciMessageRow).where(DciMessageRow.received_at < now - KEPT).returning(DciMessageRow.id)
    return len(session.execute(old).all())
