"""A server that goes without farewell costs nobody their question: it is asked again on a new connection."""

import os
import socket
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, Float, Text, bindparam, cast, func, select, text

from core.direct import Direct
from core.prepared import Prepared, connector

Connection = psycopg.Connection[tuple[Any, ...]]


def cut(connection: Connection) -> None:
    """As a failover or a power cut does it: no word before."""
    with socket.socket(fileno=os.dup(connection.pgconn.socket)) as cable:
        cable.shutdown(socket.SHUT_RDWR)


def remembered(connect: Callable[..., Connection], made: list[Connection]) -> Callable[..., Connection]:
    def remember(*arguments: Any, **more: Any) -> Connection:
        made.append(connect(*arguments, **more))
        return made[-1]

    return remember


def test_a_prepared_question_is_asked_again(engine: Engine) -> None:
    made: list[Connection] = []
    echo = select(cast(bindparam("word"), Text))
    prepared = Prepared(remembered(connector(engine), made), echo)
    assert prepared.first(word="moja") == ("moja",)
    cut(made[-1])
    assert prepared.first(word="mbili") == ("mbili",)
    assert prepared.first(word="tatu") == ("tatu",)
    assert len(made) == 2
    prepared.close()


def test_what_the_server_refuses_is_not_asked_again(engine: Engine) -> None:
    made: list[Connection] = []
    root = select(func.sqrt(cast(bindparam("number"), Float)))
    prepared = Prepared(remembered(connector(engine), made), root)
    assert prepared.first(number="4") == ("2",)
    with pytest.raises(psycopg.DatabaseError):
        prepared.first(number="-1")
    assert len(made) == 1
    prepared.close()


def test_a_direct_statement_is_run_again(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Connection] = []
    direct = Direct(database_url, patience_seconds=5.0, key_id="00000000")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE words (word text PRIMARY KEY)"))
    monkeypatch.setattr("core.direct.psycopg.connect", remembered(psycopg.connect, made))
    keep = "INSERT INTO words VALUES (%(word)s) ON CONFLICT DO NOTHING"
    try:
        direct.run(keep, {"word": "moja"})
        cut(made[-1])
        direct.run(keep, {"word": "mbili"})
        assert len(made) == 2
        with engine.begin() as connection:
            assert connection.scalar(text("SELECT count(*) FROM words")) == 2
    finally:
        direct.close()
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE words"))
