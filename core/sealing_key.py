"""With which key a process seals: its connections to the database say so, and end where that key was retired.

A key is retired when everything it sealed was sealed anew, so that it may be thrown away. Whoever went on
sealing with it would write what nobody can open later, and nothing would show it.
"""

from typing import Any, Final

import psycopg
from psycopg.errors import UndefinedTable

# A key that was retired, by its id, beside the proofs in `key_proofs`.
RETIRED: Final = "RETIRED"
_PROGRAM: Final = "kibaba"
_LOOK: Final = "SELECT FROM key_proofs WHERE name = %s"
_OTHERS: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND (application_name = %(program)s
  OR starts_with(application_name, %(program)s || ' ') AND application_name <> %(ours)s)
"""


class RetiredKeyError(psycopg.OperationalError):
    """Whoever seals with a retired key is treated as if the database did not let it in."""


def connection_name(key_id: str) -> str:
    """What a connection calls itself (`application_name`): `kibaba` and the id of the key that seals."""
    return f"{_PROGRAM} {key_id}"


def refuse_retired(connection: psycopg.Connection[Any], key_id: str) -> None:
    """Ask once, before a new connection is used. Raises RetiredKeyError; the connection is closed when
    anything is raised.

    Who looks for connections by their names after a key was retired has seen this one, or this one has seen
    that: it has its name before it can ask.
    """
    was_autocommit = connection.autocommit
    try:
        connection.autocommit = True
        retired = _is_retired(connection, key_id)
        connection.autocommit = was_autocommit
    except BaseException:
        connection.close()
        raise
    if retired:
        connection.close()
        raise RetiredKeyError(
            f"this process seals with the key {key_id}, which was retired: start it with the PII_KEYS of now"
        )


def _is_retired(connection: psycopg.Connection[Any], key_id: str) -> bool:
    try:
        return connection.execute(_LOOK, (f"{RETIRED} {key_id}",)).fetchone() is not None
    except UndefinedTable:
        # Before the first migration nothing was sealed, and nothing retired.
        return False


def others(connection: psycopg.Connection[Any], key_id: str) -> int:
    """How many connections to this database are open of processes that do not seal with this key.

    A release from before connections said so counts as one that does not.
    """
    found = connection.execute(_OTHERS, {"program": _PROGRAM, "ours": connection_name(key_id)}).fetchone()
    assert found is not None
    return int(found[0])
