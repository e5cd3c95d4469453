"""A stand-in for the gateway: hears what the sandbox sends and answers as told; for tests of the sandbox."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

Answer = Callable[["Heard"], Response | None]
ACCEPTED = json.dumps({"ResultCode": 0, "ResultDesc": "Accepted"})


class QuietHandler(WSGIRequestHandler):
    """A test's output is its own."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing."""


@dataclass(frozen=True, slots=True)
class Heard:
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass
class Listener:
    """`heard` holds every POST in order of arrival. Set `answer` to reply otherwise than 200 Accepted.

    `pages` are JSON documents to GET by path; anything else is not found.
    """

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    answer: Answer | None = None
    pages: dict[str, Any] = field(default_factory=dict)

    def at(self, path: str) -> list[dict[str, Any]]:
        """Bodies of the POSTs whose path ends in `path`."""
        return [one.body for one in self.heard if one.path.endswith(path)]

    def __call__(self, request: Request) -> Response:
        if request.method == "GET":
            page = self.pages.get(request.path)
            return Response(
                json.dumps(page), status=404 if page is None else 200, mimetype="application/json"
            )
        if request.mimetype == "application/json":
            body = json.loads(request.get_data())
        else:
            body = dict(request.form)
        one = Heard(request.path, dict(request.headers), body)
        self.heard.append(one)
        reply = self.answer(one) if self.answer else None
        return reply or Response(ACCEPTED, mimetype="application/json")


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener on a free loopback port."""
    listener = Listener()
    server = make_server(
        "127.0.0.1", 0, Request.application(listener), threaded=True, request_handler=QuietHandler
    )
    listener.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
