"""One SQL statement as its own transaction on a plain psycopg connection: where a session is too dear."""

from collections import deque
from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from sqlalchemy import make_url

from core.sealing_key import connection_name, refuse_retired

Connection = psycopg.Connection[tuple[Any, ...]]


class Direct:
    """A few connections that commit each statement; threads may share it. Nothing is connected until used.

    No statement, lock or connection is waited for longer than `patience_seconds`. `key_id`: of the key that
    sealed what the statements write.
    """

    def __init__(self, url: str, *, patience_seconds: float, key_id: str) -> None:
        plain = make_url(url).set(drivername="postgresql")
        self._url = plain.render_as_string(hide_password=False)
        self._key_id = key_id
        milliseconds = int(patience_seconds * 1000)
        self._connecting: dict[str, Any] = {
            "connect_timeout": max(2, int(patience_seconds)),
            "tcp_user_timeout": milliseconds,
            "application_name": connection_name(key_id),
            "options": f"-c timezone=UTC -c statement_timeout={milliseconds} -c lock_timeout={milliseconds}",
        }
        # Taking and putting back are atomic. The one used last is the warmest.
        self._idle: deque[Connection] = deque()

    def run(self, statement: LiteralString, values: Mapping[str, Any]) -> None:
        """Run and commit a statement that may safely run twice: it is repeated when its connection was lost.

        Raises psycopg.Error.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            self._run_on(self._connect(), statement, values)
            return
        try:
            self._run_on(connection, statement, values)
        except psycopg.DatabaseError:
            if not connection.closed:
                raise
            # Whatever ended it, a restart perhaps, ended the others too.
            self.close()
            self._run_on(self._connect(), statement, values)

    def _run_on(self, connection: Connection, statement: LiteralString, values: Mapping[str, Any]) -> None:
        try:
            connection.execute(statement, values, prepare=True)
        finally:
            if not connection.closed:
                self._idle.append(connection)

    def _connect(self) -> Connection:
        connection = psycopg.connect(self._url, autocommit=True, **self._connecting)
        refuse_retired(connection, self._key_id)
        return connection

    def close(self) -> None:
        """Let go of every idle connection."""
        while self._idle:
            self._idle.pop().close()
