"""A PIN and a national ID, once typed, are in clear nowhere: no log, key, value, row, job or notification."""

import io
import logging
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import text

from core.logging import configure_logging, log
from core.phone import PhoneNumber
from core.settings import Settings
from tests.ussd_app.aggregators import WIRES, Call, SlowCall, Stopwatch
from ussd_app.application import create_app
from ussd_app.bootstrap import Services, build
from ussd_app.schedule import schedule
from ussd_app.wallets import build_wallets
from workers.relay import Relay

NUMBER = "+254712345678"
NATIONAL_ID = "38415926"
PIN, WRONG_PIN, WEAK_PIN, DIALLED_PIN = "5830", "6192", "7777", "4086"
CHANGED_PIN, NEW_PIN, WRONG_PAPER = "9157", "2748", "59263718"
SECRETS = (
    NATIONAL_ID, PIN, WRONG_PIN, WEAK_PIN, DIALLED_PIN, CHANGED_PIN, NEW_PIN, WRONG_PAPER
)  # fmt: skip


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Every line that the process logs, by us or by a library, from DEBUG on."""
    root, alembic = logging.getLogger(), logging.getLogger("alembic")
    before = root.handlers[:], root.level, alembic.level
    configure_logging("web", logging.DEBUG)
    stream = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers[:], root.level = before[0], before[1]
    alembic.setLevel(before[2])


def stands_in(secret: str, haystack: str) -> bool:
    """Whether a secret stands somewhere by itself, rather than by chance within a longer token."""
    return re.search(rf"(?<![0-9A-Za-z_+/=-]){secret}(?![0-9A-Za-z_+/=-])", haystack) is not None


def everything_in(redis: Redis) -> str:
    read: dict[bytes, Callable[[Any], Any]] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1),
    }
    kind_of: Callable[[Any], Any] = redis.type
    parts: list[str] = []
    for key in redis.keys("*"):
        value = read[kind_of(key)](key)
        parts += [repr(key), repr(value)]
        for packed in value.values() if isinstance(value, dict) else []:
            try:
                parts.append(repr(zlib.decompress(packed)))
            except zlib.error:
                continue
    return "\n".join(parts)


def everything_stored(services: Services) -> dict[str, str]:
    """All text of all columns of all rows, by table."""
    with services.sessions.begin() as session:
        tables = session.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        ).all()
        return {
            table: "\n".join(session.scalars(text(f'SELECT t::text FROM "{table}" t')))  # noqa: S608 -- our own tables
            for table in tables
        }


def walk(client: FlaskClient, clock: Stopwatch, wire_name: str, number: str, national_id: str) -> Call:
    """Join, have a weak PIN refused, see the balance, mistype a PIN, dial one, post what cannot be read."""
    call = SlowCall(client, WIRES[wire_name](), clock=clock)
    call.number = number
    call.dial()
    call.answer("2", "1", national_id, "1", WEAK_PIN, PIN, PIN)
    assert call.ended
    call.dial(f"01*{DIALLED_PIN}")
    call.dial("01")
    call.answer(WRONG_PIN, f"{PIN}9", f"{PIN}*{WRONG_PIN}", PIN)
    call.again()
    call.dial()
    call.answer("4", "5", PIN, CHANGED_PIN, CHANGED_PIN)
    call.send(call.last_body[:-3] + "%ZZ")
    call.send(call.last_body * 60)
    call.send(call.wire.body("", number, [PIN], None))
    return call


def forget(services: Services, call: Call, national_id: str) -> None:
    """Have a new PIN allowed, mistype the paper, and choose it."""
    with services.sessions.begin() as session:
        member = services.members.by_phone(session, PhoneNumber(call.number))
        assert member is not None
        services.members.new_pins.allow(session, member.id, staff="staff:1", reason="asked on the phone")
    call.dial("01")
    screen = call.answer(WRONG_PAPER, national_id, WEAK_PIN, NEW_PIN, WRONG_PIN, NEW_PIN, NEW_PIN)
    assert "new PIN is set" in screen


def end(call: Call, status: str) -> dict[str, str]:
    """The notification as it comes: with the whole path and our last screen."""
    return {
        "date": "2026-11-22 09:00:00",
        "sessionId": call.session_id,
        "serviceCode": "*384*96#",
        "networkCode": "63902",
        "phoneNumber": call.number,
        "status": status,
        "cost": "KES 0.10",
        "durationInMillis": "45000",
        "hopsCount": "7",
        "input": f"2*1*{NATIONAL_ID}*1*{PIN}*{PIN}",
        "lastAppResponse": f"CON {PIN}",
        "errorMessage": f"no answer to {PIN}",
    }


def test_neither_pin_nor_national_id_is_anywhere_in_clear(
    settings: Settings, redis: Redis, logged: io.StringIO
) -> None:
    clock = Stopwatch()
    services = build(settings, clock=clock)
    client = create_app(services).test_client()
    calls = [
        walk(client, clock, name, f"+25471234567{index}", f"{int(NATIONAL_ID) + index}")
        for index, name in enumerate(WIRES)
    ]
    for index, call in enumerate(calls):
        forget(services, call, f"{int(NATIONAL_ID) + index}")
    for status in ("Incomplete", "Success", "Failed"):
        fields = urlencode(end(calls[0], status))
        assert client.post("/gateway/dev/africastalking/ussd/end", data=fields).status_code == 200
        assert client.post("/gateway/dev/africastalking/ussd/end", data=fields * 90).status_code == 200
    client.post("/gateway/dev/africastalking/ussd/end", data=urlencode(end(calls[0], "Failed")) + "%ZZ")
    # The same walk where the database does not answer: every hop ends in an error that is logged.
    broken = build(settings.model_copy(update={"database_url": SecretStr(f"{NOWHERE}/kibaba")}))
    walked_in_vain = create_app(broken).test_client()
    for name in WIRES:
        call = Call(walked_in_vain, WIRES[name](), number=NUMBER)
        call.dial()
        call.answer(NATIONAL_ID, PIN)
    broken.close()
    Relay(
        services.sessions, redis, services.clock, schedule(services.settings, build_wallets(services).by_name)
    ).turn()
    services.funnel.flush()

    lines, kept, rows = logged.getvalue(), everything_in(redis), everything_stored(services)
    services.close()
    assert "hop failed" in lines
    assert "unreadable USSD post" in lines
    assert "rq:job:" in kept
    assert rows["members"]
    assert rows["pins"]
    assert rows["outbox"]
    assert rows["menu_funnel"]
    for secret in (*SECRETS, *(f"{int(NATIONAL_ID) + index}" for index in range(len(WIRES)))):
        assert not stands_in(secret, lines), "logged"
        assert not stands_in(secret, kept), "in Redis"
        assert [table for table, told in rows.items() if stands_in(secret, told)] == []
    for number in ("712345670", "712345671", "712345672", "712345678"):
        assert number not in lines
        assert number not in kept


NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:9"


def test_the_search_finds_what_is_there(redis: Redis, logged: io.StringIO) -> None:
    redis.hset("a job", "data", zlib.compress(f"typed {PIN}".encode()))
    log.warning("somebody typed", said=PIN)
    assert stands_in(PIN, everything_in(redis))
    assert stands_in(PIN, logged.getvalue())
    assert not stands_in(PIN, f"token-{PIN}a")


def test_the_same_answer_looks_different_in_every_session(client: FlaskClient, redis: Redis) -> None:
    """Who reads Redis and has a phone of their own cannot learn from it what others typed."""
    call = Call(client, WIRES["arkesel"]())
    hashes = set()
    for _ in range(2):
        call.dial()
        call.answer("2", "1", NATIONAL_ID)
        records = [redis.get(key) for key in redis.keys("ussd:session:*")]
        hashes |= {bytes(record).split(b"|")[1] for record in records if isinstance(record, bytes)}
    assert len(hashes) == 2
