"""Members in bulk, by COPY into the real tables: real numbers, blind indexes and sealed phones.

Columns that a hop reads or finds a member by are computed for each member. Sealed columns that it does not
read are drawn from a small pool of real sealings, because a million of them would only cost time.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench.ground import Ground
from core.ids import new_id
from core.phone import PhoneNumber
from core.vault import Vault
from members.indexes import MemberIndexes
from members.numbers import MemberNumber, NationalId
from operations.migrate import migrate
from operations.state import REPOSITORY

_POOL = 500
_JOINED = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
_MEMBER = (
    "id", "number", "status", "language", "phone", "phone_index", "wallet_hash_index", "identifier_type",
    "identifier", "identifier_index", "masked_name", "birth_date", "name_birth_index", "name_source",
    "name_at",     "name_confirmed", "join_key", "joined_at",
)  # fmt: skip
_CONSENT = ("member_id", "purpose", "given", "notice_version", "language", "channel", "at")
_RECEIPT = (
    "id", "wallet", "shortcode", "receipt", "amount_cents", "currency", "member_id", "source", "match_step",
    "payer_index", "particulars", "paid_at", "recorded_at",
)  # fmt: skip
# What every member has saved, the latest first: home offers the first again, "another amount" both.
SAVED_CENTS = (50_00, 100_00)


@dataclass(frozen=True, slots=True)
class Bulk:
    """Where members go and with which keys."""

    ground: Ground
    vault: Vault
    shortcode: str

    def database(self, count: int) -> str:
        """The URL of a database with so many members; made when there is none for the present migrations."""
        name = f"members_{count}"
        url = self.ground.postgres.url_of(name)
        with self.ground.admin() as admin:
            if mark_of(admin, name) == _mark():
                return url
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            migrate(url)
            with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
                self._fill(connection, count)
            comment = sql.SQL("COMMENT ON DATABASE {} IS {}")
            admin.execute(comment.format(sql.Identifier(name), sql.Literal(_mark())))
        return url

    def _fill(self, connection: psycopg.Connection, count: int) -> None:
        # Foreign keys are right by construction; checking a million of them one by one takes minutes.
        connection.execute("SET LOCAL session_replication_role = replica")
        members = [(new_id(), serial) for serial in range(1, count + 1)]
        _copy(connection, "members", _MEMBER, self._members(members))
        _copy(connection, "consents", _CONSENT, _consents(members))
        _copy(connection, "receipts", _RECEIPT, self._receipts(members))
        connection.execute("SELECT setval('member_number_seq', %s)", (count,))
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM (ANALYZE) members, consents, receipts")

    def _members(self, members: list[tuple[Any, int]]) -> Iterator[tuple[Any, ...]]:
        indexes = MemberIndexes(self.vault)
        identifiers = self._pool("members.identifier", "{:08}")
        names = self._pool("members.masked_name", "W****** M*****")
        births = self._pool("members.birth_date", "1991-04-17")
        born = date(1991, 4, 17)
        for member_id, serial in members:
            phone = phone_of(serial)
            national_id = NationalId(f"{serial + 10_000_000}")
            yield (
                member_id, MemberNumber.of_serial(serial).digits, "active", language_of(serial),
                self.vault.seal("members.phone", phone.e164), indexes.phone(phone),
                indexes.wallet_hash(phone.wallet_hash), "national_id", identifiers[serial % _POOL],
                indexes.identifier(national_id), names[serial % _POOL], births[serial % _POOL],
                indexes.name_birth(f"Member {_letters(serial)}", "Mwangi", born), "bench", _JOINED, True,
                f"bench:{serial}", _JOINED + timedelta(seconds=serial),
            )  # fmt: skip

    def _receipts(self, members: list[tuple[Any, int]]) -> Iterator[tuple[Any, ...]]:
        particulars = self._pool("receipts.particulars", '{{"account": "{:08}"}}')
        for member_id, serial in members:
            for order, amount_cents in enumerate(SAVED_CENTS):
                at = _JOINED + timedelta(days=90 - 30 * order, seconds=serial)
                yield (
                    new_id(), "mpesa", self.shortcode, f"TK{order}{serial:07}", amount_cents, "KES",
                    member_id, "stk_callback", "prompt", None, particulars[serial % _POOL], at, at,
                )  # fmt: skip

    def _pool(self, place: str, form: str) -> list[str]:
        return [self.vault.seal(place, form.format(number)) for number in range(_POOL)]


def phone_of(serial: int) -> PhoneNumber:
    """The phone of the nth member."""
    return PhoneNumber(f"+2547{serial:08}")


def language_of(serial: int) -> str:
    return "sw" if serial % 2 else "en"


def _consents(members: list[tuple[Any, int]]) -> Iterator[tuple[Any, ...]]:
    for member_id, serial in members:
        for purpose, given in (("saving", True), ("reminders", serial % 3 > 0)):
            yield (member_id, purpose, given, "bench", language_of(serial), "ussd", _JOINED)


def _copy(
    connection: psycopg.Connection, table: str, columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]
) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _letters(serial: int) -> str:
    """Names are compared by their letters alone, so that a number must be spelt in letters to differ."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(serial))


def _mark() -> str:
    """What a finished database is marked with; a changed migration, or a change here, makes it anew."""
    files = [*sorted((REPOSITORY / "migrations" / "versions").glob("*.py")), Path(__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def mark_of(admin: psycopg.Connection, name: str) -> str | None:
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    row = admin.execute(query, (name,)).fetchone()
    return None if row is None else row[0]
