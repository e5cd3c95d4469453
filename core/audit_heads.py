"""The head of the audit chain, kept for every day and written outside, so that no rewriting stays unseen."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import BigInteger, Date, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import DateTime

from core.audit import GENESIS, AuditEntry, digest
from core.clock import Clock, FundCalendar
from core.database import Base, Sessions, advisory_lock, append_only
from core.logging import log
from core.outbox import Task


class AuditHead(Base):
    """The last entry of a day as it was found, and that everything up to it followed."""

    __tablename__ = "audit_heads"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


append_only(AuditHead)


@dataclass(frozen=True, slots=True)
class Checked:
    """How far the chain was followed. `broken`: the first entry that does not follow, if any."""

    from_number: int
    through: int
    hash: str
    broken: int | None


def check_since_last_head(session: Session) -> Checked:
    """Follow the chain from the newest kept head to its end: the rest was followed when that was kept."""
    head = session.scalars(select(AuditHead).order_by(AuditHead.number.desc()).limit(1)).first()
    number, previous = (head.number, head.hash) if head else (0, GENESIS)
    start = number
    if (
        head is not None
        and session.scalar(select(AuditEntry.hash).where(AuditEntry.number == number)) != previous
    ):
        return Checked(start, number, previous, broken=number)
    entries = (
        select(AuditEntry)
        .where(AuditEntry.number > number)
        .order_by(AuditEntry.number)
        .execution_options(yield_per=1000)
    )
    with session.scalars(entries) as found:
        for entry in found:
            if entry.prev_hash != previous or entry.hash != digest(entry):
                return Checked(start, number, previous, broken=entry.number)
            number, previous = entry.number, entry.hash
    return Checked(start, number, previous, broken=None)


class KeepingHeads:
    """Handles `audit_head` tasks: once a day keep the head, and write it to the log for others to keep."""

    def __init__(self, sessions: Sessions, clock: Clock, calendar: FundCalendar) -> None:
        self._sessions = sessions
        self._clock = clock
        self._calendar = calendar

    def run(self, task: Task) -> None:  # noqa: ARG002 -- the task says only that it is time
        """Check what is new, keep the head of today unless it is kept, and log it."""
        now = self._clock.now()
        day = self._calendar.day_of(now)
        with self._sessions.begin() as session, advisory_lock(session, "audit"):
            checked = check_since_last_head(session)
            kept = session.get(AuditHead, day)
            if checked.broken is None and kept is None and checked.through:
                session.add(AuditHead(day=day, number=checked.through, hash=checked.hash, at=now))
        if checked.broken is not None:
            log.error("the audit chain is broken", entry=checked.broken)
        else:
            log.info("audit head", day=str(day), entry=checked.through, hash=checked.hash)
