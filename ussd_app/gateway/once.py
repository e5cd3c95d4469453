"""Do something once per key, whoever asks and how often: the result of the first time is the result."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Protocol

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


def remembered(session: Session, keys: Collection[str]) -> dict[str, Any]:
    """The results of those of these keys that were done before."""
    rows = session.execute(select(HopResult.key, HopResult.result).where(HopResult.key.in_(keys)))
    return {row.key: row.result for row in rows}


class Results(Protocol):
    """Where results are remembered, for the host."""

    def once(self, session: Session, key: str, now: datetime, act: Callable[[], Any]) -> Any:
        """As the function `once` of this module."""
        ...

    def remembered(self, session: Session, keys: Collection[str]) -> dict[str, Any]:
        """As the function `remembered` of this module."""
        ...


class DatabaseResults:
    """Results in the database, in the transaction of what they are results of."""

    def once(self, session: Session, key: str, now: datetime, act: Callable[[], Any]) -> Any:
        return once(session, key, now, act)

    def remembered(self, session: Session, keys: Collection[str]) -> dict[str, Any]:
        return remembered(session, keys)
