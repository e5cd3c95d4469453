"""What the shared fixtures promise to every other test."""

from datetime import UTC, datetime

import pytest
import redis as redis_client
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from core import audit, outbox
from core.settings import Settings

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("time", range(3))
def test_every_test_starts_from_empty_tables(sessions: sessionmaker[Session], time: int) -> None:
    with sessions.begin() as session:
        assert session.scalar(select(func.count()).select_from(outbox.OutboxRow)) == 0
        outbox.add(session, "message", f"left-behind-{time}", {}, now=NOW)


@pytest.mark.parametrize("time", range(2))
def test_append_only_tables_are_emptied_too(sessions: sessionmaker[Session], time: int) -> None:
    with sessions.begin() as session:
        protected = text("SELECT count(*) FROM pg_trigger WHERE tgname = 'append_only' AND NOT tgisinternal")
        assert session.execute(protected).scalar_one() > 0
        entry = audit.record(session, at=NOW, actor="test", action="look", subject=str(time))
        assert entry.prev_hash == audit.GENESIS
        assert entry.number == 1


def test_the_settings_fit_the_servers(settings: Settings, redis: "redis_client.Redis") -> None:
    assert redis.ping()
    assert settings.redis_url.get_secret_value().startswith(("unix:", "redis:"))


@pytest.mark.parametrize("time", range(2))
def test_redis_is_empty(redis: "redis_client.Redis", time: int) -> None:
    assert redis.dbsize() == 0
    redis.set(f"left-{time}", "behind")
