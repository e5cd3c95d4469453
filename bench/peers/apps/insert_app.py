"""Peer: the floor of a callback. A bare WSGI callable, one committed insert; no framework, no checks."""

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

import psycopg

_ANSWER = b'{"ResultCode": 0, "ResultDesc": "Accepted"}'
_local = threading.local()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    connection = getattr(_local, "connection", None)
    if connection is None:
        connection = _local.connection = psycopg.connect(os.environ["PEER_DATABASE_URL"], autocommit=True)
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
    connection.execute("INSERT INTO callbacks (body) VALUES (%s)", (body,), prepare=True)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(_ANSWER)))])
    return [_ANSWER]
