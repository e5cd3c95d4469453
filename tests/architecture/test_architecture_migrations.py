"""Migrations are linear and make exactly the tables, indexes and triggers that the models declare."""

import re
import secrets
from collections.abc import Callable, Iterator

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import create_engine, make_url
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from core.database import Base, make_engine
from core.vault import Vault
from operations.migrate import bring_to, downgrade, migrate
from tests.databases import connect, drop_database, import_tables, text_of
from tests.servers import REPOSITORY, Servers

Fresh = Callable[[], URL]

TRIGGERS = """
SELECT c.relname, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal ORDER BY 1, 2
"""
FUNCTIONS = """
SELECT proname, prosrc, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1
"""
COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default, character_maximum_length
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
ORDER BY 1, 2
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version' ORDER BY 1, 2
"""
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1
"""
SEQUENCES = (
    "SELECT sequencename, start_value, min_value, max_value, increment_by FROM pg_sequences ORDER BY 1"
)


@pytest.fixture
def fresh(servers: Servers) -> Iterator[Fresh]:
    """Empty databases of this test alone: the same file may run in two processes at once."""
    server = make_url(servers.database_url)
    made: list[str] = []

    def make() -> URL:
        made.append(f"kibaba_fresh_{secrets.token_hex(6)}")
        with connect(server) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(made[-1])))
        return server.set(database=made[-1])

    yield make
    for name in made:
        drop_database(server, name)


@pytest.fixture
def migrated(fresh: Fresh) -> URL:
    return fresh()


def described(connection: psycopg.Connection) -> dict[str, list[tuple[str, ...]]]:
    queries = (TRIGGERS, FUNCTIONS, COLUMNS, CONSTRAINTS, INDEXES, SEQUENCES)
    return {query: [flat(row) for row in connection.execute(query)] for query in queries}


def flat(row: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(re.sub(r"\s+", " ", str(value)).strip() for value in row)


def test_tables_stand_where_they_are_looked_for() -> None:
    """What `import_tables` does not find would be missing or not, as the order of tests has it."""
    rooms = [path.parent for path in REPOSITORY.glob("*/__init__.py") if path.parent.name != "core"]
    assert len(rooms) > 8
    declaring = [
        path for room in rooms for path in room.rglob("*.py") if "(Base):" in path.read_text(encoding="utf-8")
    ]
    assert {path.name for path in declaring} == {"tables.py"}


def test_migrations_are_linear() -> None:
    config = Config()
    config.set_main_option("script_location", str(REPOSITORY / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert len(scripts.get_heads()) == 1
    assert all(
        not script.is_merge_point and not script.is_branch_point for script in scripts.walk_revisions()
    )


def test_migrations_make_what_the_models_declare(fresh: Fresh, migrated: URL, vault: Vault) -> None:
    import_tables()
    migrate(text_of(migrated))
    engine = create_engine(text_of(migrated), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    declared = fresh()
    from_models = make_engine(text_of(declared), vault, pooled=False)
    Base.metadata.create_all(from_models)
    with connect(migrated) as by_migration, connect(declared) as by_model:
        assert described(by_migration) == described(by_model)


def test_migrating_again_changes_nothing_and_down_leaves_nothing(migrated: URL) -> None:
    migrate(text_of(migrated))
    before, after = migrate(text_of(migrated))
    assert before == after
    downgrade(text_of(migrated))
    with connect(migrated) as connection:
        left = [rows for rows in described(connection).values() if rows]
    assert left == []


_ALERTS_OF_BEFORE = """
INSERT INTO alerts (id, kind, subject, detail, times, raised_at, last_at) VALUES
('00000000-0000-0000-0000-000000000001', 'statement_missing', 'all', 'none for 2026-11-20: m',
 1, now(), now()),
('00000000-0000-0000-0000-000000000002', 'refund_failed', 'r', 'paid after it failed', 1, now(), now()),
('00000000-0000-0000-0000-000000000003', 'pull_failed', 'p', '503', 1, now(), now());
INSERT INTO outbox (id, topic, key, payload, due_at) VALUES
(gen_random_uuid(), 'message', 'alert:00000000-0000-0000-0000-000000000001:0', '{}', now()),
(gen_random_uuid(), 'alert_mail', '00000000-0000-0000-0000-000000000002', '{}', now())
"""
_ALERTS = "SELECT kind, subject, told_at IS NOT NULL, mailed_at IS NOT NULL FROM alerts ORDER BY id"


def test_open_alerts_keep_what_they_are_and_that_they_were_told(migrated: URL) -> None:
    migrate(text_of(migrated))
    engine = create_engine(text_of(migrated), poolclass=NullPool)
    with engine.begin() as connection:
        bring_to(connection, "0037")
        connection.exec_driver_sql(_ALERTS_OF_BEFORE)
        bring_to(connection, "0038")
        assert [tuple(row) for row in connection.exec_driver_sql(_ALERTS)] == [
            ("statement_missing", "2026-11-20", True, False),
            ("refund_paid_twice", "r", False, True),
            ("pull_failed", "p", False, False),
        ]
        connection.exec_driver_sql(
            "UPDATE alerts SET kind = 'refund_failed', subject = 'r' WHERE subject = 'p'"
        )
        bring_to(connection, "0037")
        rows = connection.exec_driver_sql("SELECT kind, subject, cleared_at IS NULL FROM alerts ORDER BY id")
        assert [tuple(row) for row in rows] == [
            ("statement_missing", "all", True),
            ("refund_failed", "r", True),
            ("refund_failed", "r", False),
        ]
