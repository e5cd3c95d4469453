"""A fund day as the reconciliation bench needs it: ledger, registry and a portal export that differ a little.

Of every thousand payments, ten are planted differences, as in the recipe the peers are measured with: four
are missing from the statement, three from the ledger, two have another amount, one is listed twice. Beyond
what a diff can see, two of the registry's answers in a thousand differ.
"""

import csv
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from bench.ground import Ground
from bench.kibaba import SHORTCODE, vault
from bench.members import Bulk
from core.clock import FundCalendar
from core.ids import new_id
from members.numbers import MemberNumber

SEED = 20261122
DAY = date(2026, 11, 21)
CALENDAR = FundCalendar(ZoneInfo("Africa/Nairobi"))
_HEADER = (
    "Receipt No.", "Completion Time", "Initiation Time", "Details", "Transaction Status", "Paid In",
    "Withdrawn", "Balance", "Balance Confirmed", "Reason Type", "Other Party Info", "Linked Transaction ID",
    "A/C No.",
)  # fmt: skip
_RECEIPT = (
    "id", "wallet", "shortcode", "receipt", "amount_cents", "currency", "member_id", "source", "match_step",
    "payer_index", "particulars", "paid_at", "recorded_at",
)  # fmt: skip
_POSTING = (
    "receipt_id", "member_id", "reference_id", "lane", "state", "paid_at", "created_at", "posted_at",
    "acknowledged_at", "read_back_amount_cents",
)  # fmt: skip
_VERDICT = ("evidence_id", "verdict", "receipt_id", "receipt", "amount_cents", "at")
_POOL = 500
_DAY_SECONDS = 86_400


@cache
def _time_written(second: datetime) -> str:
    return CALENDAR.local(second).strftime("%d-%m-%Y %H:%M:%S")


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_TYPED_WRONG = ("SAVE", "MAMA MBOGA", "RENT", "")


# Its place in the day, receipt, cents, time, serial of the member.
Payment = tuple[int, str, int, datetime, int]


@dataclass(frozen=True, slots=True)
class Planted:
    """How many differences of each kind there are."""

    missing_on_statement: int
    missing_in_ledger: int
    changed: int
    listed_twice: int
    rejected: int
    registry_differs: int


class Evening:
    """Makes one day of `count` payments; the same seed makes the same day."""

    def __init__(self, count: int) -> None:
        chance = random.Random(SEED)
        self.count, self.members = count, max(1000, count // 10)
        part = max(1, count // 1000)
        picked = chance.sample(range(count), 12 * part)
        edges = (0, 4, 7, 9, 10, 11, 12)
        cut = [set(picked[a * part : b * part]) for a, b in pairwise(edges)]
        self.off_list, self.off_ledger, self.changed, self.twice, self.rejected, self.differs = cut
        self._start = CALENDAR.bounds(DAY)[0]

    @property
    def planted(self) -> Planted:
        sets = (self.off_list, self.off_ledger, self.changed, self.twice, self.rejected, self.differs)
        return Planted(*map(len, sets))

    def payments(self) -> Iterator[Payment]:
        """Every payment, in order of time."""
        chance = random.Random(SEED + 1)
        for place in range(self.count):
            yield (
                place, receipt_of(place), chance.randrange(100, 500_000),
                self._start + timedelta(seconds=place * _DAY_SECONDS // self.count),
                chance.randrange(self.members) + 1,
            )  # fmt: skip

    def write_statement(self, path: Path) -> None:
        """The export, as the portal writes it, oldest first."""
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\r\n")
            head = [["Organization Name", "HABA FUND"], ["Short Code", SHORTCODE], ["Account", "Utility"], []]
            writer.writerows(head)
            writer.writerow(_HEADER)
            writer.writerows(self._lines())

    def _lines(self) -> Iterator[tuple[str, ...]]:
        balance = total = 0
        for place, receipt, cents, at, serial in self.payments():
            if place in self.off_list:
                continue
            shown = cents + 100 if place in self.changed else cents
            balance, total = balance + shown, total + shown
            cells = self._cells((place, receipt, shown, at, serial), balance)
            yield cells
            if place in self.twice:
                yield cells
        yield ("Totals", "", "", "", "", _grouped(total), "", "", "", "", "", "", "")

    def _cells(self, payment: Payment, balance: int) -> tuple[str, ...]:
        place, receipt, cents, at, serial = payment
        when = _time_written(at)
        typed = MemberNumber.of_serial(serial).digits
        if place in self.off_ledger and place % 2:
            typed = _TYPED_WRONG[place % len(_TYPED_WRONG)]
        party = f"2547{serial:08} - JANE WANJIKU"
        if place in self.off_ledger and place % 2:
            # No number begins with 0109, as those of the last of ten million would without this.
            party = f"25410{place % 9_000_000:07} - MZEE KIMANI"
        return (
            receipt, when, when, f"Pay Bill from {party} Acc. {typed}", "Completed", _grouped(cents), "",
            _grouped(balance), "true", "Pay Bill Online", party, "", typed,
        )  # fmt: skip

    def write_sides(self, ledger: Path, listed: Path) -> None:
        """The same two sides as plain tables of four columns: what the peers compare."""
        with ledger.open("w", newline="") as left, listed.open("w", newline="") as right:
            ours, theirs = csv.writer(left), csv.writer(right)
            for writer in (ours, theirs):
                writer.writerow(("ref", "amount", "ts", "acct"))
            for place, receipt, cents, at, serial in self.payments():
                row = (receipt, cents, int(at.timestamp()), MemberNumber.of_serial(serial).digits)
                if place not in self.off_ledger:
                    ours.writerow(row)
                if place not in self.off_list:
                    shown = (receipt, cents + 100, *row[2:]) if place in self.changed else row
                    theirs.writerows([shown] * (2 if place in self.twice else 1))

    def fill(self, connection: psycopg.Connection) -> None:
        """Receipts, the messages that brought them, and what the registry answered; the members are there."""
        connection.execute("SET session_replication_role = replica")
        ids: dict[str, Any] = dict(connection.execute("SELECT number, id FROM members").fetchall())
        members = [ids[MemberNumber.of_serial(serial).digits] for serial in range(1, self.members + 1)]
        connection.execute("TRUNCATE receipts, registry_postings, evidence_verdicts CASCADE")
        receipts = [new_id() for _ in range(self.count)]
        with _indexed_afterwards(connection, "receipts", "registry_postings", "evidence_verdicts"):
            _copy(connection, "receipts", _RECEIPT, self._receipts(receipts, members))
            _copy(connection, "registry_postings", _POSTING, self._postings(receipts, members))
            _copy(connection, "evidence_verdicts", _VERDICT, self._verdicts(receipts))
        connection.execute("RESET session_replication_role")
        connection.commit()

    def _known(self) -> Iterator[Payment]:
        return (payment for payment in self.payments() if payment[0] not in self.off_ledger)

    def _receipts(self, ids: list[Any], members: list[Any]) -> Iterator[tuple[Any, ...]]:
        sealing = vault()
        sealed = [
            sealing.seal("receipts.particulars", f'{{"account": "{n:09}", "payer": "+2547{n:08}"}}')
            for n in range(_POOL)
        ]
        indexes = [sealing.index("members.wallet_hash", str(n)) for n in range(_POOL)]
        for place, receipt, cents, at, serial in self._known():
            yield (
                ids[place], "mpesa", SHORTCODE, receipt, cents, "KES", members[serial - 1], "stk_callback",
                "prompt", indexes[place % _POOL], sealed[place % _POOL], at, at + timedelta(seconds=4),
            )  # fmt: skip

    def _postings(self, ids: list[Any], members: list[Any]) -> Iterator[tuple[Any, ...]]:
        for place, _, cents, at, serial in self._known():
            told = at + timedelta(seconds=60)
            if place in self.rejected:
                state, read_back = "rejected", None
            elif place in self.differs:
                state, read_back = "rejected", cents + 7
            else:
                state, read_back = "acknowledged", cents
            acknowledged = told if state == "acknowledged" else None
            yield (
                ids[place], members[serial - 1], ids[place], place % 8, state, at, at, told,
                acknowledged, read_back,
            )  # fmt: skip

    def _verdicts(self, ids: list[Any]) -> Iterator[tuple[Any, ...]]:
        for place, receipt, cents, at, _ in self._known():
            yield (new_id(), "credited", ids[place], receipt, cents, at + timedelta(seconds=4))


@contextmanager
def filled(ground: Ground, evening: Evening) -> Iterator[str]:
    """The name of a database with the day's ledger in it, there until the block ends."""
    Bulk(ground, vault(), SHORTCODE).database(evening.members)
    name = f"evening_{evening.count}_filled"
    _copy_database(ground, f"members_{evening.members}", name)
    try:
        with psycopg.connect(_psycopg_url(ground, name)) as connection:
            evening.fill(connection)
            connection.autocommit = True
            connection.execute("VACUUM (ANALYZE) receipts, registry_postings, evidence_verdicts, members")
        yield name
    finally:
        _drop_database(ground, name)


@contextmanager
def fresh(ground: Ground, filled_name: str) -> Iterator[str]:
    """The URL of a copy of a filled database, there until the block ends: a reconciled day is no start."""
    name = filled_name.removesuffix("_filled")
    _copy_database(ground, filled_name, name)
    with ground.admin() as admin:
        admin.execute("CHECKPOINT")
    try:
        yield ground.postgres.url_of(name)
    finally:
        _drop_database(ground, name)


def _copy_database(ground: Ground, source: str, name: str) -> None:
    _drop_database(ground, name)
    copied = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    with ground.admin() as admin:
        admin.execute(copied.format(sql.Identifier(name), sql.Identifier(source)))


def _drop_database(ground: Ground, name: str) -> None:
    with ground.admin() as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _psycopg_url(ground: Ground, name: str) -> str:
    return ground.postgres.url_of(name).replace("postgresql+psycopg", "postgresql")


def receipt_of(place: int) -> str:
    """A code of ten characters in no order: a multiplication in a field mixes the places."""
    number = (place * 48_271 + 11) % 2_147_483_647
    code = ""
    while len(code) < 7:
        number, digit = divmod(number, 36)
        code += _LETTERS[digit]
    return f"SKL{code}"


def _grouped(cents: int) -> str:
    return f"{cents // 100:,}.{cents % 100:02d}"


@contextmanager
def _indexed_afterwards(connection: psycopg.Connection, *tables: str) -> Iterator[None]:
    """Tables are filled without their indexes, which are made then: that takes less long."""
    found = connection.execute(
        """
        SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
        WHERE i.indrelid = ANY (%s::regclass[])
          AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
        """,
        [list(tables)],
    ).fetchall()
    for name, _ in found:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    yield
    connection.execute("SET maintenance_work_mem = '512MB'")
    for _, definition in found:
        connection.execute(definition)


def _copy(
    connection: psycopg.Connection, table: str, columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]
) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
