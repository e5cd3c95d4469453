"""What a database holds, as PostgreSQL knows it: tables in an order that can be loaded, and sequences."""

from collections import defaultdict
from graphlib import TopologicalSorter
from typing import Final

from psycopg import sql

from core.fixed_settings import FixedSetting
from core.key_proofs import KeyProof
from operations.backups.file import Table
from operations.backups.talking import Raw

MIGRATION_TABLE: Final = "alembic_version"
KEY_PROOFS: Final = KeyProof.__tablename__
# What tells whose data these are; an empty house has it too, once somebody looked at it.
MARKS: Final = (KEY_PROOFS, FixedSetting.__tablename__)

_HERE: Final = "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
# What PostgreSQL computes by itself is not copied.
_COLUMNS: Final = f"""
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = {_HERE} AND c.relkind = 'r' AND c.relname <> '{MIGRATION_TABLE}'
AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
GROUP BY c.relname
"""  # noqa: S608 -- of names above
_REFERENCES: Final = f"""
SELECT referring.relname, referred.relname
FROM pg_constraint k
JOIN pg_class referring ON referring.oid = k.conrelid
JOIN pg_class referred ON referred.oid = k.confrelid
WHERE k.contype = 'f' AND k.connamespace = {_HERE} AND referring.oid <> referred.oid
"""  # noqa: S608 -- of names above
_SEQUENCES: Final = f"""
SELECT relname FROM pg_class WHERE relnamespace = {_HERE} AND relkind = 'S' ORDER BY relname
"""  # noqa: S608 -- of names above


def tables_of(connection: Raw) -> tuple[Table, ...]:
    """Every table but that of the migration; what is referred to comes first, the proofs of keys before all.

    A table's rows may refer to each other: PostgreSQL looks when all of one COPY are there. Raises
    graphlib.CycleError where two tables refer to each other.
    """
    columns = {name: tuple(found) for name, found in connection.execute(_COLUMNS)}
    referred: dict[str, set[str]] = defaultdict(set)
    for referring, other in connection.execute(_REFERENCES):
        referred[referring].add(other)
    sorter = TopologicalSorter({name: referred[name] & columns.keys() for name in columns})
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    # Wrong keys are to be found out before an hour of loading.
    order.sort(key=lambda name: name != KEY_PROOFS)
    return tuple(Table(name, columns[name]) for name in order)


def sequences_of(connection: Raw) -> list[str]:
    return [name for (name,) in connection.execute(_SEQUENCES)]


def position_of(connection: Raw, sequence: str) -> tuple[int, bool]:
    """Its last value, and whether that was given out."""
    query = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(sequence))
    found = connection.execute(query).fetchone()
    assert found is not None
    return found[0], found[1]


def migration_of(connection: Raw) -> str | None:
    """The revision of the database; None where no migration ever ran."""
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (MIGRATION_TABLE,)).fetchone()
    if found is None or not found[0]:
        return None
    table = sql.Identifier(MIGRATION_TABLE)
    row = connection.execute(sql.SQL("SELECT version_num FROM {}").format(table)).fetchone()
    return None if row is None else str(row[0])
