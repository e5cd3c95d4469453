"""What the wallet's lists that we read prove: only a complete list shows that something is not on it."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from payments.wallet_lines.tables import PullRun


def is_covered(session: Session, wallet: str, shortcode: str, start: datetime, end: datetime) -> bool:
    """Whether one complete pull spans the time from `start` to `end`."""
    return (
        session.scalar(
            select(PullRun.id)
            .where(
                PullRun.wallet == wallet,
                PullRun.shortcode == shortcode,
                PullRun.complete,
                PullRun.window_start <= start,
                PullRun.window_end >= end,
            )
            .limit(1)
        )
        is not None
    )


def last_complete_end(session: Session, wallet: str, shortcode: str) -> datetime | None:
    """The end of the newest complete pull."""
    return session.scalar(
        select(PullRun.window_end)
        .where(PullRun.wallet == wallet, PullRun.shortcode == shortcode, PullRun.complete)
        .order_by(PullRun.window_end.desc())
        .limit(1)
    )
