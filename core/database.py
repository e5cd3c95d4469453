"""PostgreSQL through SQLAlchemy: the declarative base, the engine, encrypted columns, append-only tables."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast
from weakref import WeakSet

from sqlalchemy import DDL, Engine, MetaData, String, Table, Text, create_engine, event
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session, sessionmaker
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator

from core import priority
from core.sealing_key import connection_name, refuse_retired
from core.vault import Vault

Sessions = sessionmaker[Session]

# Compiling a query takes longer than any of ours runs, and is decided by mere estimates.
_OPTIONS = "-c timezone=UTC -c jit=off"


class Base(DeclarativeBase):
    """Every table of every room; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Encrypted(TypeDecorator[str]):
    """A text column sealed by the vault of the engine it is used with. `place` is `table.column`.

    Equality in SQL is meaningless on it (every sealing differs): look up by a blind index column beside it.
    """

    impl = Text
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _vault_of(dialect).seal(self.place, value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        return None if value is None else _vault_of(dialect).open(self.place, value)


def _vault_of(dialect: Dialect) -> Vault:
    # The vault rides on the engine's own dialect, so that two engines in one process never share keys.
    vault: Vault = dialect.kibaba_vault  # type: ignore[attr-defined]
    return vault


def vault_of(session: Session) -> Vault:
    """The vault of the engine a session works with: for blind indexes beside encrypted columns."""
    return _vault_of(session.get_bind().dialect)


def make_engine(
    url: str,
    vault: Vault,
    *,
    pooled: bool = True,
    pool_size: int = 8,
    patience_seconds: float | None = None,
) -> Engine:
    """An engine for `postgresql+psycopg://…`. A fork connects anew; its parent keeps what it has.

    `pooled=False` where nothing may stay connected.

    With `patience_seconds` no statement, lock, connection or place in the pool is waited for longer, and a
    connection is not tried before it is used: whoever asks for this repeats a transaction that lost its own.

    Connections say with which key their process seals; with one that was retired there are none.
    """
    options: dict[str, Any] = {"poolclass": NullPool}
    if pooled:
        options = {"pool_size": pool_size, "max_overflow": 4, "pool_pre_ping": True, "pool_timeout": 5}
    name = connection_name(vault.newest)
    connecting = {"connect_timeout": 3, "application_name": name, "options": _OPTIONS}
    if patience_seconds is not None:
        milliseconds = int(patience_seconds * 1000)
        if pooled:
            options |= {"pool_pre_ping": False, "pool_timeout": patience_seconds}
        connecting |= {
            "connect_timeout": max(2, int(patience_seconds)),
            "tcp_user_timeout": milliseconds,
            "options": f"{_OPTIONS} -c statement_timeout={milliseconds} -c lock_timeout={milliseconds}",
        }
    # An error that carried its parameters into a log would carry what somebody typed.
    engine = create_engine(url, connect_args=connecting, hide_parameters=True, **options)
    engine.dialect.kibaba_vault = vault  # type: ignore[attr-defined]
    event.listen(engine, "connect", lambda connection, _record: refuse_retired(connection, vault.newest))
    event.listen(engine, "connect", lambda connection, _record: priority.share(connection))
    _engines.add(engine)
    return engine


def _forget_inherited() -> None:
    for engine in _engines:
        engine.dispose(close=False)


# A connection that two processes hold would carry the words of both.
_engines: Final = WeakSet[Engine]()
os.register_at_fork(after_in_child=_forget_inherited)


def make_sessions(engine: Engine) -> Sessions:
    """Sessions for `with sessions.begin() as session:`: one transaction, committed at the end."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def advisory_lock(session: Session, name: str) -> Iterator[None]:
    """Hold PostgreSQL's transaction-level advisory lock `name` until the transaction ends."""
    from_name = "SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0))"
    session.connection().exec_driver_sql(from_name, {"name": name})
    yield


REFUSE_CHANGE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$
"""


def append_only_trigger(table: str) -> str:
    """SQL for the trigger that makes a table append-only."""
    return (
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def append_only(model: type[Base]) -> None:
    """Make the database itself refuse UPDATE, DELETE and TRUNCATE on a model's table."""
    table = model.__table__
    assert isinstance(table, Table)
    event.listen(table, "after_create", ddl(REFUSE_CHANGE.replace("%", "%%")))
    event.listen(table, "after_create", ddl(append_only_trigger(table.name)))


def ddl(statement: str) -> DDL:
    """A statement to run when a table is created, typed."""
    return DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy has not typed its constructor


def fitting(column: InstrumentedAttribute[Any], words: str) -> str:
    """An outsider's words as far as their column takes them: PostgreSQL refuses longer ones, and NUL."""
    return words.replace("\x00", "")[: cast("String", column.type).length]
