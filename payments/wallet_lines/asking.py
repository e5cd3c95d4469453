"""Asking for a pull: an outbox row, so close together that many payments share one."""

import math
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from core import outbox


def ask_for_pull(session: Session, wallet: str, shortcode: str, *, delay: timedelta, now: datetime) -> None:
    """Have the wallet's list read soon after `delay`. All wishes of one bucket of time share one task.

    The task is due after the bucket's end, so that no wish can fall into a bucket whose pull has begun.
    """
    bucket_seconds = max(1, math.ceil(delay.total_seconds()))
    bucket = math.floor((now + delay).timestamp() / bucket_seconds) + 1
    due_at = datetime.fromtimestamp(bucket * bucket_seconds, UTC)
    _add(session, wallet, shortcode, f"{bucket_seconds}:{bucket}", due_at=due_at, now=now)


def ask_for_pull_now(session: Session, wallet: str, shortcode: str, why: str, *, now: datetime) -> None:
    """Have the wallet's list read at once, one time for each `why`."""
    _add(session, wallet, shortcode, why, due_at=now, now=now)


def _add(
    session: Session, wallet: str, shortcode: str, name: str, *, due_at: datetime, now: datetime
) -> None:
    payload = {"wallet": wallet, "shortcode": shortcode}
    outbox.add(session, "pull", f"{wallet}:{shortcode}:{name}", payload, now=now, due_at=due_at)
