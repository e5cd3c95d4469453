"""Peer: the floor. A bare WSGI callable with one GET and one SETEX in Redis; no framework, no checks."""

import os
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from redis import Redis

from bench.peers.apps.menu import SESSION_SECONDS, next_screen

store = Redis.from_url(os.environ["PEER_REDIS_URL"])


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    length = int(environ["CONTENT_LENGTH"])
    form = parse_qs(environ["wsgi.input"].read(length).decode(), keep_blank_values=True)
    key = f"ussd:{form['sessionId'][0]}"
    session, screen = next_screen(store.get(key), form["text"][0])
    store.setex(key, SESSION_SECONDS, session)
    body = screen.encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
