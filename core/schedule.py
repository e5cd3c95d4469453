"""Periodic work as outbox rows: one row for each task and time bucket, whoever and how many write it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core import outbox


@dataclass(frozen=True, slots=True)
class Every:
    """Do `topic` with `payload` every `seconds`; `name` tells apart two entries of one topic."""

    seconds: int
    topic: str
    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)

    def key_at(self, now: datetime) -> str:
        """The key of the period in which `now` falls."""
        return f"every:{self.name}:{self.seconds}:{int(now.timestamp()) // self.seconds}"


def write_due(session: Session, entries: Sequence[Every], now: datetime) -> None:
    """Add a task for each entry whose current period has none yet."""
    for entry in entries:
        outbox.add(session, entry.topic, entry.key_at(now), entry.payload, now=now)
