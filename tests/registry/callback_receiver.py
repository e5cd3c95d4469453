"""A partner's own web server: keeps what it is told, and answers as it was told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from werkzeug import Request, Response
from werkzeug.serving import WSGIRequestHandler, make_server

ACK = {"message": {"ack_status": "ACK", "timestamp": "2026-11-22T09:00:00Z", "correlation_id": "c"}}


@dataclass
class Receiver:
    """`heard` are (path, envelope) in order of arrival; `says` are the next answers: (status, body).

    A text is said as it is, everything else in JSON.
    """

    url: str = ""
    heard: list[tuple[str, Any]] = field(default_factory=list)
    says: list[tuple[int, Any]] = field(default_factory=list)

    def application(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        self.heard.append((request.path, json.loads(request.get_data())))
        status, body = self.says.pop(0) if self.says else (200, ACK)
        said = body if isinstance(body, str) else json.dumps(body)
        return Response(said, status, content_type="application/json")(environ, start_response)


class _Quiet(WSGIRequestHandler):
    def log(self, *_arguments: Any, **_more: Any) -> None:
        return


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    server = make_server("127.0.0.1", 0, receiver.application, request_handler=_Quiet)
    receiver.url = f"http://127.0.0.1:{server.server_port}/dci"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
