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


def write_due(session: Session, schedule: Sequence[Every], now: datetime) -> int:
    """Add a task for each entry whose current bucket has none yet; returns how many were added."""
    added = 0
    for entry in schedule:
        bucket = int(now.timestamp()) // entry.seconds
        key = f"every:{entry.name}:{entry.seconds}:{bucket}"
        added += outbox.add(session, entry.topic, key, entry.payload, now=now)
    return added
