"""The head of the audit chain: kept once a day, checked from the last one, logged for others to keep."""

import uuid
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from core.audit import record
from core.audit_heads import AuditHead, KeepingHeads, check_since_last_head
from core.clock import FundCalendar
from core.outbox import Task

NOON = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TASK = Task(uuid.uuid4(), "audit_head", "k", {}, 1, NOON)


class Standing:
    def __init__(self) -> None:
        self.instant = NOON

    def now(self) -> datetime:
        return self.instant


def act(sessions: sessionmaker[Session], count: int = 3) -> None:
    with sessions.begin() as session:
        for number in range(count):
            record(session, at=NOON, actor="system", action="a", subject=f"thing-{number}")


def heads(sessions: sessionmaker[Session]) -> list[int]:
    with sessions() as session:
        return list(session.scalars(select(AuditHead.number).order_by(AuditHead.day)))


def test_a_day_has_one_head_and_the_next_check_begins_there(sessions: sessionmaker[Session]) -> None:
    clock = Standing()
    keeping = KeepingHeads(sessions, clock, FundCalendar(ZoneInfo("Africa/Nairobi")))
    keeping.run(TASK)
    assert heads(sessions) == []
    act(sessions)
    keeping.run(TASK)
    act(sessions, 2)
    keeping.run(TASK)
    assert heads(sessions) == [3]
    clock.instant += timedelta(days=1)
    keeping.run(TASK)
    assert heads(sessions) == [3, 5]
    with sessions() as session:
        checked = check_since_last_head(session)
    assert (checked.from_number, checked.through, checked.broken) == (5, 5, None)


@pytest.mark.parametrize("number", [3, 5])
def test_what_was_changed_at_or_after_the_head_is_found(sessions: sessionmaker[Session], number: int) -> None:
    act(sessions)
    keeping = KeepingHeads(sessions, Standing(), FundCalendar(ZoneInfo("Africa/Nairobi")))
    keeping.run(TASK)
    act(sessions, 3)
    with sessions.begin() as session:
        session.execute(text("ALTER TABLE audit DISABLE TRIGGER append_only"))
        session.execute(text("UPDATE audit SET hash = md5(hash) WHERE number = :n"), {"n": number})
        session.execute(text("ALTER TABLE audit ENABLE TRIGGER append_only"))
    with sessions() as session:
        assert check_since_last_head(session).broken == number
    keeping.run(TASK)
    assert heads(sessions) == [3]
