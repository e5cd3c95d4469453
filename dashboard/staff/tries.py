"""Counting tries to sign in: counted before anything is checked, so that many at once gain nothing."""

import hashlib
from datetime import UTC, datetime

from sqlalchemy import case, delete, null, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dashboard.staff.model import (
    LOCKED_FOR,
    SOURCE_TRIES_MAX,
    SOURCE_WINDOW,
    TRIES_MAX,
    TRIES_REMEMBERED_FOR,
)
from dashboard.staff.outcomes import Locked, SourceLocked
from dashboard.staff.tables import SignInTries


def count_try(session: Session, email: str, *, now: datetime) -> Locked | None:
    """Count one try and hold its row until the transaction ends. Locked when there were too many."""
    session.execute(delete(SignInTries).where(SignInTries.last_at < now - TRIES_REMEMBERED_FOR))
    old = SignInTries
    is_locked = old.locked_until > now
    was_locked = old.locked_until.is_not(None)
    failed_count = case((is_locked, old.failed_count), (was_locked, 1), else_=old.failed_count + 1)
    statement = (
        insert(SignInTries)
        .values(name_hash=_hash(email), failed_count=1, last_at=now)
        .on_conflict_do_update(
            index_elements=["name_hash"],
            set_={
                "failed_count": failed_count,
                "last_at": now,
                "locked_until": case(
                    (is_locked, old.locked_until),
                    (was_locked, null()),
                    (old.failed_count >= TRIES_MAX, now + LOCKED_FOR),
                    else_=null(),
                ),
            },
        )
        .returning(SignInTries.locked_until)
    )
    locked_until = session.execute(statement).scalar_one()
    return None if locked_until is None else Locked(locked_until)


def count_try_from(session: Session, source: str, *, now: datetime) -> SourceLocked | None:
    """Count one try from a network and hold its row until the transaction ends."""
    window = int(now.timestamp() // SOURCE_WINDOW.total_seconds())
    statement = (
        insert(SignInTries)
        .values(name_hash=_source_hash(source, window), failed_count=1, last_at=now)
        .on_conflict_do_update(
            index_elements=["name_hash"],
            set_={"failed_count": SignInTries.failed_count + 1, "last_at": now},
        )
        .returning(SignInTries.failed_count)
    )
    if session.execute(statement).scalar_one() <= SOURCE_TRIES_MAX:
        return None
    return SourceLocked(datetime.fromtimestamp((window + 1) * SOURCE_WINDOW.total_seconds(), UTC))


def forgive_this_try_from(session: Session, source: str, *, now: datetime) -> None:
    """The password was right: this try does not count. The failures of others from there stay counted."""
    window = int(now.timestamp() // SOURCE_WINDOW.total_seconds())
    session.execute(
        update(SignInTries)
        .where(SignInTries.name_hash == _source_hash(source, window))
        .values(failed_count=SignInTries.failed_count - 1)
    )


def forgive_this_try(session: Session, email: str) -> None:
    """Half a success: the password was right, the code is still to come. Earlier failures stay counted."""
    session.execute(
        update(SignInTries)
        .where(SignInTries.name_hash == _hash(email), SignInTries.failed_count > 0)
        .values(failed_count=SignInTries.failed_count - 1)
    )


def forget_tries(session: Session, email: str) -> None:
    """A full success: nothing is counted any more."""
    session.execute(delete(SignInTries).where(SignInTries.name_hash == _hash(email)))


def _source_hash(source: str, window: int) -> str:
    return _hash(f"from {source} in {window}")


def _hash(email: str) -> str:
    # What people type here may be a password typed into the wrong field: it is not kept.
    return hashlib.sha256(email.encode()).hexdigest()
