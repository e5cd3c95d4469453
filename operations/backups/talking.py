"""How backup and restore talk with PostgreSQL: a text means the same at both ends, faults are sentences."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.errors import LockNotAvailable
from sqlalchemy.exc import DBAPIError

from operations.trouble import TroubleError

Raw = psycopg.Connection[Any]

_SAME: Final = {
    "client_encoding": "UTF8",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    # Where a policy would hide rows, an error says so.
    "row_security": "off",
}
# What an administrator set against forgotten sessions is not meant for an hour of honest work.
_PATIENT: Final = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "transaction_timeout": "0",
}
# Whether a version of PostgreSQL knows a setting it says itself.
_SET: Final = "SELECT set_config(name, %s, false) FROM pg_settings WHERE name = lower(%s)"


def settle(connection: Raw, more: Mapping[str, str] | None = None) -> None:
    """Make the session one that writes and reads COPY's text alike, for as long as it takes."""
    for name, value in {**_SAME, **_PATIENT, **(more or {})}.items():
        connection.execute(_SET, (value, name))


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """What the database refuses becomes a TroubleError, without the rows that PostgreSQL tells below it."""
    try:
        yield
    except (psycopg.Error, DBAPIError) as error:
        fault = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(fault, LockNotAvailable):
            raise TroubleError(
                "somebody works with the database: stop every process of the house, then try again"
            ) from error
        said = (str(fault).strip().splitlines() or [type(fault).__name__])[0]
        raise TroubleError(f"the database said: {said}") from error
