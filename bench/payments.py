"""A year of payments in bulk, made by PostgreSQL itself: lists, ledger, registry, differences, audit.

Every payment has its receipt, ledger transfer with two postings, line of the wallet's list and registry
posting; two of three came by a prompt. Messages and steps of prompts are kept for the last thirty days. One
of a hundred was once a difference, one of two hundred of the last thirty days waits in suspense. Sealed
columns are drawn from a small pool of real sealings; blind indexes beyond the first thousand members ascend.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench import members as bulk_members
from bench.members import Bulk
from core import audit
from core.audit import AuditEntry
from operations.migrate import migrate

PER_MEMBER = 5
# Members whose numbers and indexes are real, so that they can be searched for; the rest only fill the tables.
REAL_MEMBERS = 1_000
# A quarter to six in Nairobi, on a Saturday: when the evening's work is done.
NOW = datetime(2026, 11, 28, 14, 45, tzinfo=UTC)
DAYS = 365
_KEPT = timedelta(days=30)
_POOL = 500
_STEP = Path(__file__).with_name("payments.sql")
_PLACES = {
    "receipt": ("receipts.particulars", '{{"account": "", "payer": "+2547{:08}"}}'),
    "line": ("wallet_lines.particulars", '{{"details": "Pay Bill from 2547{:08}"}}'),
    "phone": ("contributions.phone", "+2547{:08}"),
    "body": ("evidence.body", '{{"number": {}}}'),
}
_AUDIT = ("at", "actor", "action", "subject", "reason", "details", "prev_hash", "hash")


@dataclass(frozen=True, slots=True)
class BulkPayments:
    """Makes databases with members and their payments, and keeps them for the next run."""

    members: Bulk

    def database(self, count: int, days: int = DAYS) -> str:
        """The URL of a database with so many members, five payments for each, and today's migrations."""
        name = f"pages_{count}_{days}"
        url = self.members.ground.postgres.url_of(name)
        with self.members.ground.admin() as admin:
            if bulk_members.mark_of(admin, name) != _mark():
                self.members.database(REAL_MEMBERS)
                admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
                copied = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                admin.execute(copied.format(sql.Identifier(name), sql.Identifier(f"members_{REAL_MEMBERS}")))
                with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
                    self._fill(connection, count, days)
                comment = sql.SQL("COMMENT ON DATABASE {} IS {}")
                admin.execute(comment.format(sql.Identifier(name), sql.Literal(_mark())))
        migrate(url)
        return url

    def _fill(self, connection: psycopg.Connection, count: int, days: int) -> None:
        # What the database would check row by row is right by construction.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute("SET work_mem = '256MB'")
        self._pools(connection)
        for name, value in {
            "members": count,
            "payments": count * PER_MEMBER,
            "shortcode": self.members.shortcode,
            "since": (NOW - timedelta(days=days)).isoformat(),
            "until": NOW.isoformat(),
            "kept": (NOW - _KEPT).isoformat(),
        }.items():
            connection.execute("SELECT set_config(%s, %s, false)", (f"bench.{name}", str(value)))
        for part in _STEP.read_text(encoding="utf-8").split("\n-- Step: ")[1:]:
            about, _, statements = part.partition("\n")
            print(f"  {about}", flush=True)
            with _without_indexes(connection, about.partition(" ")[0]):
                connection.execute(statements)
            connection.commit()
        self._audit(connection, min(200_000, count * PER_MEMBER // 20))
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM (ANALYZE)")

    def _pools(self, connection: psycopg.Connection) -> None:
        connection.execute("CREATE TEMP TABLE pool (place text, number int, sealed text)")
        with connection.cursor() as cursor, cursor.copy("COPY pool FROM STDIN") as copy:
            for short, (place, form) in _PLACES.items():
                for number in range(_POOL):
                    sealed = self.members.vault.seal(place, form.format(number * 19_997 + 10_000_000))
                    copy.write_row((short, number, sealed))

    def _audit(self, connection: psycopg.Connection, count: int) -> None:
        with connection.cursor() as cursor:
            names = sql.SQL(", ").join(map(sql.Identifier, _AUDIT))
            with cursor.copy(sql.SQL("COPY audit ({}) FROM STDIN").format(names)) as copy:
                for row in _entries(count):
                    copy.write_row(row)


def _entries(count: int) -> Iterator[tuple[Any, ...]]:
    """A chain that holds: members opened by staff through the year."""
    previous = audit.GENESIS
    for number in range(count):
        entry = AuditEntry(
            at=NOW - timedelta(days=DAYS) * (count - number) / count,
            actor=f"staff:{number % 40:08}-0000-7000-8000-000000000000",
            action="member.opened",
            subject=f"{number:08}-0000-7000-8000-000000000000",
            reason="",
            details={},
            prev_hash=previous,
        )
        previous = audit.digest(entry)
        yield (entry.at, entry.actor, entry.action, entry.subject, "", "{}", entry.prev_hash, previous)


@contextmanager
def _without_indexes(connection: psycopg.Connection, table: str) -> Iterator[None]:
    """Indexes that guard nothing are made after the rows, which takes a fraction of the time."""
    found = connection.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = %s::regclass AND NOT indisunique",
        (table,),
    ).fetchall()
    for name, _ in found:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    yield
    for _, definition in found:
        connection.execute(definition)


def _mark() -> str:
    """What a finished database is marked with: changes here, or of the members, make it anew."""
    files = (Path(__file__), _STEP, Path(bulk_members.__file__))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
