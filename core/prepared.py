"""A SELECT compiled once and asked in one round trip, past all of SQLAlchemy: for the hottest reads only."""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result
from sqlalchemy import Engine, Select
from sqlalchemy.dialects import postgresql

_Connection = psycopg.Connection[tuple[Any, ...]]
_NAME: Final = b"prepared"


class Prepared:
    """One statement on connections of its own: each answer is a transaction of its own. For many threads.

    `connect` gives such a connection (`connector`).
    """

    def __init__(self, connect: Callable[[], _Connection], statement: Select[*tuple[Any, ...]]) -> None:
        self._connect = connect
        dialect = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # SQLAlchemy has not typed it
        compiled = statement.compile(dialect=dialect)
        self._sql = str(compiled).encode()
        # Parameters in their order: a constant as it is sent, or the name of what is asked for.
        self._parameters = [
            (name, None if compiled.params[name] is None else str(compiled.params[name]).encode())
            for name in compiled.positiontup or ()
        ]
        self._idle: deque[_Connection] = deque()

    def first(self, **values: str) -> tuple[str | None, ...] | None:
        """The first row for these parameters, as PostgreSQL writes its values. Raises psycopg.Error."""
        sent = [values[name].encode() if given is None else given for name, given in self._parameters]
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._ask(self._new(), sent)
        try:
            return self._ask(connection, sent)
        except psycopg.DatabaseError:
            # Of a server that went without farewell libpq makes an error without a code, which is no
            # OperationalError.
            if not connection.broken:
                raise
            # It was closed while nobody asked; whatever waits beside it was closed with it.
            self.close()
            return self._ask(self._new(), sent)

    def close(self) -> None:
        """Let go of the connections that nobody uses now."""
        while self._idle:
            self._idle.pop().close()

    def _new(self) -> _Connection:
        connection = self._connect()
        _checked(connection.pgconn.prepare(_NAME, self._sql), pq.ExecStatus.COMMAND_OK)
        return connection

    def _ask(self, connection: _Connection, sent: list[bytes]) -> tuple[str | None, ...] | None:
        try:
            result = connection.pgconn.exec_prepared(_NAME, sent)
            _checked(result, pq.ExecStatus.TUPLES_OK)
        except BaseException:
            if connection.broken:
                connection.close()
            else:
                self._idle.append(connection)
            raise
        self._idle.append(connection)
        if not result.ntuples:
            return None
        cells = [result.get_value(0, column) for column in range(result.nfields)]
        return tuple([None if cell is None else cell.decode() for cell in cells])


def _checked(result: pq.abc.PGresult, expected: pq.ExecStatus) -> None:
    if result.status != expected:
        raise error_from_result(result)


def connector(engine: Engine) -> Callable[[], _Connection]:
    """Makes connections as `engine` does; they are no part of its pool, and commit each statement."""

    def connect() -> _Connection:
        pooled = engine.raw_connection()
        connection: _Connection = pooled.driver_connection  # type: ignore[assignment]  # the driver is psycopg
        pooled.detach()
        connection.autocommit = True
        return connection

    return connect
