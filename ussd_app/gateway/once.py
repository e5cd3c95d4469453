"""Do something once per key, whoever asks and how often: the result of the first time is the result."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ussd_app.gateway.tables import HopResult


def once(session: Session, key: str, now: datetime, act: Callable[[], Any]) -> Any:
    """The JSON-like result of `act`, which runs in the caller's transaction unless it ran before.

    Two transactions at once: the second waits for the first and gets its result.
    """
    claimed = session.execute(
        insert(HopResult)
        .values(key=key, at=now, result=None)
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(HopResult.key)
    ).first()
    if claimed is None:
        return session.scalar(select(HopResult.result).where(HopResult.key == key))
    result = act()
    session.execute(update(HopResult).where(HopResult.key == key).values(result=result))
    return result


def is_remembered(session: Session, key: str) -> bool:
    """Whether `once` has done this before."""
    return session.scalar(select(HopResult.key).where(HopResult.key == key)) is not None
