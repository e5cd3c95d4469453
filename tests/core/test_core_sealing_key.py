"""Connections say which key their process seals with, and there are none for a key that was retired."""

from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from core.database import Sessions, make_engine, make_sessions
from core.direct import Direct
from core.key_proofs import KeyProof, mark_retired, proven, take_away, unmark_retired
from core.sealing_key import RetiredKeyError, others
from core.vault import Vault
from operations.sealing.batches import driver_of
from tests.databases import text_of

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
OTHER = Vault([b"z" * 40], b"i" * 40)


def retire(sessions: Sessions, vault: Vault) -> None:
    with sessions.begin() as session:
        session.add(KeyProof(name=f"PII_KEYS {vault.newest}", proof=""))
        session.flush()
        assert vault.newest in proven(session)
        for _ in range(2):
            mark_retired(session, vault.newest, now=NOW)
        take_away(session, vault.newest)
        assert proven(session) == set()


def test_a_connection_tells_its_key_and_who_has_another_is_counted(
    sessions: Sessions, database_url: str, vault: Vault
) -> None:
    theirs = make_engine(database_url, OTHER)
    with sessions.begin() as session, theirs.connect() as connection:
        name = connection.scalar(text("SELECT current_setting('application_name')"))
        assert name == f"kibaba {OTHER.newest}"
        assert others(driver_of(session), vault.newest) == 1
        assert others(driver_of(session), OTHER.newest) == 1
    theirs.dispose()


def test_a_release_that_does_not_tell_its_key_counts_as_another(
    sessions: Sessions, database_url: str, vault: Vault, engine: Engine
) -> None:
    plain = text_of(engine.url.set(drivername="postgresql"))
    for name, count in (("kibaba", 1), ("kibabanda", 0), ("psql", 0)):
        with psycopg.connect(plain, application_name=name), sessions.begin() as session:
            assert others(driver_of(session), vault.newest) == count


def test_connections_of_another_login_are_counted_too(
    engine: Engine, vault: Vault, database_url: str
) -> None:
    """Of others' sessions PostgreSQL shows a plain login little, but their names."""
    role = f"kibaba_plain_{engine.url.database}"
    theirs = make_engine(database_url, OTHER)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'jembe'"))
    plain = engine.url.set(drivername="postgresql", username=role, password="jembe")
    try:
        with theirs.connect(), psycopg.connect(text_of(plain)) as connection:
            assert others(connection, vault.newest) == 1
    finally:
        theirs.dispose()
        with engine.begin() as connection:
            connection.execute(text(f"DROP ROLE {role}"))


def test_who_seals_with_a_retired_key_is_not_let_in(sessions: Sessions, database_url: str) -> None:
    retire(sessions, OTHER)
    engine = make_engine(database_url, OTHER)
    direct = Direct(database_url, patience_seconds=5.0, key_id=OTHER.newest)
    with pytest.raises(OperationalError, match="was retired") as refused, engine.connect():
        pass
    assert isinstance(refused.value.orig, RetiredKeyError)
    with pytest.raises(psycopg.OperationalError, match=OTHER.newest):
        direct.run("SELECT 1", {})
    engine.dispose()


def test_a_key_that_was_taken_back_is_let_in_again(sessions: Sessions, database_url: str) -> None:
    retire(sessions, OTHER)
    with sessions.begin() as session:
        unmark_retired(session, OTHER.newest)
    engine = make_engine(database_url, OTHER)
    with make_sessions(engine).begin() as session:
        assert session.scalar(text("SELECT 1")) == 1
    engine.dispose()
