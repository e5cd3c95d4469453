"""Peer: a hand-written Flask view with one GET and one SETEX in Redis, as most USSD tutorials build it."""

import os

from flask import Flask, Response, request
from redis import Redis

from bench.peers.apps.menu import SESSION_SECONDS, next_screen

app = Flask(__name__)
store = Redis.from_url(os.environ["PEER_REDIS_URL"])


@app.post("/ussd")
def ussd() -> Response:
    key = f"ussd:{request.form['sessionId']}"
    session, screen = next_screen(store.get(key), request.form["text"])
    store.setex(key, SESSION_SECONDS, session)
    return Response(screen, mimetype="text/plain")
