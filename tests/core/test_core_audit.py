"""The audit trail cannot be rewritten, and a rewritten one would show."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core import audit
from core.database import Sessions

NOW = datetime(2026, 11, 22, 9, 0, 0, 123456, tzinfo=UTC)


def record_three(sessions: Sessions) -> None:
    for n in range(3):
        with sessions.begin() as session:
            audit.record(
                session,
                at=NOW,
                actor="amina",
                action="member.unmasked",
                subject=f"m{n}",
                reason="asked",
                details={"n": n},
            )


def test_the_chain_holds(sessions: Sessions) -> None:
    record_three(sessions)
    with sessions.begin() as session:
        assert audit.first_broken(session) is None


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
def test_the_database_refuses_changes(sessions: Sessions, statement: str) -> None:
    record_three(sessions)
    with pytest.raises(DBAPIError, match="append-only"), sessions.begin() as session:
        session.execute(text(statement))


def test_an_entry_changed_behind_the_database_shows(sessions: Sessions) -> None:
    record_three(sessions)
    with sessions.begin() as session:
        session.execute(text("ALTER TABLE audit DISABLE TRIGGER append_only"))
        session.execute(text("UPDATE audit SET actor = 'somebody else' WHERE subject = 'm1'"))
        session.execute(text("ALTER TABLE audit ENABLE TRIGGER append_only"))
    with sessions.begin() as session:
        assert audit.first_broken(session) == 2
