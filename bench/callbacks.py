"""Waiting prompts and the callbacks that answer them, made in bulk on a copy of the members' database."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from bench.ground import Ground
from bench.kibaba import SHORTCODE, vault
from bench.load import Dialog, Request
from bench.members import phone_of
from core.ids import new_id

AMOUNT_CENTS = 5000
_CONTRIBUTION = (
    "id", "key", "member_id", "phone", "payer_index", "wallet", "shortcode", "amount_cents", "currency",
    "channel", "state", "checkout_id", "merchant_id", "requested_at", "prompted_at",
)  # fmt: skip
_EVIDENCE = ("id", "channel", "wallet", "shortcode", "reference", "body", "received_at")
_TASK = ("id", "topic", "key", "payload", "due_at")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One prompt on a phone, and the message about its end that waits to be understood."""

    serial: int
    member_id: uuid.UUID
    payer_index: str
    contribution_id: uuid.UUID
    evidence_id: uuid.UUID
    task_id: uuid.UUID

    @property
    def receipt(self) -> str:
        return f"SKB{self.serial:07}"

    @property
    def checkout_id(self) -> str:
        return f"ws_CO_{self.serial:018}"

    @property
    def body(self) -> str:
        return callback(self.checkout_id, self.receipt, phone_of(self.serial).e164)


def callback(checkout_id: str, receipt: str, phone: str) -> str:
    """An STK callback of a paid prompt, as Daraja posts it."""
    items = [
        {"Name": "Amount", "Value": AMOUNT_CENTS / 100},
        {"Name": "MpesaReceiptNumber", "Value": receipt},
        {"Name": "Balance"},
        {"Name": "TransactionDate", "Value": int(f"{datetime.now(UTC):%Y%m%d%H%M%S}")},
        {"Name": "PhoneNumber", "Value": int(phone.removeprefix("+"))},
    ]
    told = {
        "MerchantRequestID": f"m-{receipt}",
        "CheckoutRequestID": checkout_id,
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "CallbackMetadata": {"Item": items},
    }
    return json.dumps({"Body": {"stkCallback": told}})


def posts(path: str, count: int, seed: int) -> list[Dialog]:
    """So many callbacks as HTTP requests, each about another prompt."""
    dialogs: list[Dialog] = []
    for serial in range(1, count + 1):
        name = f"{seed:03}{serial:07}"
        content = callback(f"ws_CO_{name}", name, phone_of(serial).e164).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        dialogs.append([Request(head.encode() + content, b"Accepted")])
    return dialogs


def copy_of(ground: Ground, database_url: str, name: str) -> str:
    """A copy of a database that nobody uses; returns its address."""
    template = make_url(database_url).database or ""
    with ground.admin() as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        admin.execute(made.format(sql.Identifier(name), sql.Identifier(template)))
    return ground.postgres.url_of(name)


def plain(database_url: str) -> str:
    """The address as psycopg takes it."""
    return database_url.replace("postgresql+psycopg", "postgresql")


def lay_out(database_url: str, count: int) -> list[Waiting]:
    """Put so many answered prompts in front of the intake: each of another member, all due."""
    now = datetime.now(UTC)
    with psycopg.connect(plain(database_url)) as connection:
        members = connection.execute(
            "SELECT id, wallet_hash_index FROM members ORDER BY joined_at LIMIT %s", (count,)
        ).fetchall()
        waiting = [
            Waiting(serial, member_id, index, new_id(), new_id(), new_id())
            for serial, (member_id, index) in enumerate(members, 1)
        ]
        seal = vault().seal
        _copy(connection, "contributions", _CONTRIBUTION, [
            (one.contribution_id, f"bench:{one.serial}", one.member_id,
             seal("contributions.phone", phone_of(one.serial).e164), one.payer_index, "mpesa", SHORTCODE,
             AMOUNT_CENTS, "KES", "ussd", "prompted", one.checkout_id, f"m-{one.receipt}", now, now)
            for one in waiting
        ])  # fmt: skip
        _copy(connection, "evidence", _EVIDENCE, [
            (one.evidence_id, "stk_callback", "mpesa", SHORTCODE, str(one.contribution_id),
             seal("evidence.body", one.body), now)
            for one in waiting
        ])  # fmt: skip
        _copy(connection, "outbox", _TASK, [
            (one.task_id, "evidence", str(one.evidence_id),
             json.dumps({"evidence_id": str(one.evidence_id)}), now)
            for one in waiting
        ])  # fmt: skip
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM (ANALYZE) contributions, evidence, outbox")
    return waiting


def _copy(
    connection: psycopg.Connection, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
