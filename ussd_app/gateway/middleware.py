"""The USSD posts, answered in front of Flask: a hop is the hot path and needs no routing."""

import hmac
from collections.abc import Iterable
from time import perf_counter
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import Counter, Histogram

from core.logging import log
from ussd_app.bodies import BodyTooLarge, read_body
from ussd_app.gateway.aggregator import Aggregator
from ussd_app.gateway.hop import Hop, Reply, SessionEnd, UnreadablePost
from ussd_app.gateway.host import Host

_PREFIX: Final = "/gateway/"
_HOP, _END = "/ussd", "/ussd/end"
_HOP_BYTES_MAX: Final = 8 * 1024
_REFUSED: Final = Reply(
    "We could not read that. Please dial again.\nHatujaelewa. Tafadhali piga tena.", ends=True
)
_TROUBLE: Final = Reply(
    "Sorry, we have trouble. If you were saving, wait for an SMS before you try again.\n"
    "Samahani, kuna hitilafu. Kama uliweka akiba, subiri SMS kwanza.",
    ends=True,
)

HOPS: Final = Counter("kibaba_ussd_hops", "USSD posts by how they were answered.", ["provider", "outcome"])
HOP_SECONDS: Final = Histogram(
    "kibaba_ussd_hop_seconds",
    "Seconds from a USSD post to its answer.",
    ["provider"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_OUTCOMES: Final = ("continue", "end", "notified", "unreadable", "trouble")


class _Line:
    """One aggregator with its counters."""

    def __init__(self, aggregator: Aggregator) -> None:
        self.aggregator = aggregator
        self.took = HOP_SECONDS.labels(aggregator.name).observe
        self.count = {outcome: HOPS.labels(aggregator.name, outcome).inc for outcome in _OUTCOMES}


class Gateway:
    """WSGI middleware: `/gateway/{token}/{aggregator}/ussd` and `…/ussd/end`; everything else passes on.

    The answer is always 200 with a screen, whatever happens inside. A wrong token is 404.
    """

    def __init__(
        self, app: WSGIApplication, host: Host, aggregators: Iterable[Aggregator], *, token: str
    ) -> None:
        self._app = app
        self._host = host
        self._token = token.encode()
        self._lines: dict[str, tuple[_Line, bool]] = {}
        for aggregator in aggregators:
            line = _Line(aggregator)
            self._lines[f"{aggregator.name}{_HOP}"] = (line, False)
            self._lines[f"{aggregator.name}{_END}"] = (line, True)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if not path.startswith(_PREFIX):
            return self._app(environ, start_response)
        token, _, rest = path.removeprefix(_PREFIX).partition("/")
        found = self._lines.get(rest)
        if found is None:
            return self._app(environ, start_response)
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self._token):
            return _send(start_response, "404 Not Found", b"not found")
        if environ.get("REQUEST_METHOD") != "POST":
            return _send(start_response, "405 Method Not Allowed", b"use POST")
        line, is_end = found
        body = self._end(line, environ) if is_end else self._hop(line, environ)
        return _send(start_response, "200 OK", body, line.aggregator.content_type)

    def _hop(self, line: _Line, environ: dict[str, Any]) -> bytes:
        began = perf_counter()
        body = self._replied(line, environ)
        line.took(perf_counter() - began)
        return body

    def _replied(self, line: _Line, environ: dict[str, Any]) -> bytes:
        aggregator = line.aggregator
        try:
            post = aggregator.parse_hop(read_body(environ, _HOP_BYTES_MAX))
        except (UnreadablePost, BodyTooLarge) as error:
            line.count["unreadable"]()
            log.warning("unreadable USSD post", reason=str(error) or type(error).__name__)
            return aggregator.render(_REFUSED, None)
        except Exception as error:  # noqa: BLE001 -- a caller is waiting: whatever broke, they get a screen
            self._broken(line, "hop not read", error)
            return aggregator.render(_TROUBLE, None)
        if isinstance(post, SessionEnd):
            self._ended(line, post)
            return aggregator.acknowledge()
        return aggregator.render(self._answer(line, post), post)

    def _answer(self, line: _Line, hop: Hop) -> Reply:
        try:
            reply = self._host.answer(hop)
        except Exception as error:  # noqa: BLE001 -- a caller is waiting: whatever broke, they get a screen
            self._broken(line, "hop failed", error)
            return _TROUBLE
        line.count["end" if reply.ends else "continue"]()
        return reply

    def _end(self, line: _Line, environ: dict[str, Any]) -> bytes:
        try:
            self._ended(line, line.aggregator.parse_end(read_body(environ)))
        except (UnreadablePost, BodyTooLarge) as error:
            line.count["unreadable"]()
            log.warning("unreadable end notification", reason=str(error) or type(error).__name__)
        except Exception as error:  # noqa: BLE001 -- a notification must never come back as an error
            self._broken(line, "end notification not read", error)
        return line.aggregator.acknowledge()

    def _ended(self, line: _Line, end: SessionEnd) -> None:
        try:
            self._host.ended(end)
        except Exception as error:  # noqa: BLE001 -- a notification must never come back as an error
            self._broken(line, "end notification failed", error)
        else:
            line.count["notified"]()

    def _broken(self, line: _Line, what: str, error: Exception) -> None:
        line.count["trouble"]()
        # The type alone: the text of an error may hold what the caller typed.
        log.error(what, error=type(error).__name__, where=_where(error))


def _where(error: BaseException) -> str:
    """The last place in our files that the error went through: file and line, no values."""
    trace = error.__traceback__
    place = ""
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _send(
    start_response: StartResponse,
    status: str,
    body: bytes,
    content_type: str = "text/plain; charset=utf-8",
) -> list[bytes]:
    start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]
