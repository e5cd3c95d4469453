"""The USSD posts, answered in front of Flask: a hop is the hot path and needs no routing."""

import hmac
from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog
from prometheus_client import Counter, Histogram

from ussd_app.bodies import BodyTooLarge, read_body
from ussd_app.gateway import africastalking
from ussd_app.gateway.hop import Hop, Reply, UnreadablePost
from ussd_app.gateway.host import Host

StartResponse = Callable[..., Any]
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

_PREFIX: Final = "/gateway/"
_HOP_BYTES_MAX: Final = 8 * 1024
_REFUSED: Final = Reply(
    "We could not read that. Please dial again.\nHatujaelewa. Tafadhali piga tena.", ends=True
)
_TROUBLE: Final = Reply(
    "Sorry, the service has trouble. Nothing was charged. Please dial again soon.\n"
    "Samahani, kuna hitilafu. Hujatozwa. Piga tena baadaye.",
    ends=True,
)

HOPS: Final = Counter("kibaba_ussd_hops", "USSD posts by how they were answered.", ["provider", "outcome"])
HOP_SECONDS: Final = Histogram(
    "kibaba_ussd_hop_seconds",
    "Seconds from a USSD post to its answer.",
    ["provider"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

log = structlog.get_logger()


class Gateway:
    """WSGI middleware: `/gateway/{token}/africastalking/ussd` and `…/ussd/end`; everything else passes on.

    The answer is always 200 with a screen, whatever happens inside. A wrong token is 404.
    """

    def __init__(self, app: WsgiApp, host: Host, *, token: str, region: str) -> None:
        self._app = app
        self._host = host
        self._token = token.encode()
        self._region = region
        self._timed = HOP_SECONDS.labels(africastalking.PROVIDER).time

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if not path.startswith(_PREFIX):
            return self._app(environ, start_response)
        token, _, rest = path.removeprefix(_PREFIX).partition("/")
        handler = {"africastalking/ussd": self._hop, "africastalking/ussd/end": self._end}.get(rest)
        if handler is None:
            return self._app(environ, start_response)
        if not hmac.compare_digest(token.encode(), self._token):
            return _send(start_response, "404 Not Found", b"not found")
        if environ.get("REQUEST_METHOD") != "POST":
            return _send(start_response, "405 Method Not Allowed", b"use POST")
        return _send(start_response, "200 OK", handler(environ))

    def _hop(self, environ: dict[str, Any]) -> bytes:
        with self._timed():
            try:
                hop = africastalking.parse_hop(read_body(environ, _HOP_BYTES_MAX), self._region)
            except (UnreadablePost, BodyTooLarge) as error:
                HOPS.labels(africastalking.PROVIDER, "unreadable").inc()
                log.warning("unreadable USSD post", reason=str(error) or type(error).__name__)
                return africastalking.render(_REFUSED)
            return africastalking.render(self._answer(hop))

    def _answer(self, hop: Hop) -> Reply:
        try:
            reply = self._host.answer(hop)
        except Exception as error:  # noqa: BLE001 -- a caller is waiting: whatever broke, they get a screen
            HOPS.labels(hop.provider, "trouble").inc()
            # The type alone: the text of an error may hold what the caller typed.
            log.error("hop failed", error=type(error).__name__, where=_where(error))  # noqa: TRY400 -- see above
            return _TROUBLE
        HOPS.labels(hop.provider, "end" if reply.ends else "continue").inc()
        return reply

    def _end(self, environ: dict[str, Any]) -> bytes:
        try:
            self._host.ended(africastalking.parse_end(read_body(environ), self._region))
        except (UnreadablePost, BodyTooLarge) as error:
            log.warning("unreadable end notification", reason=str(error) or type(error).__name__)
        except Exception as error:  # noqa: BLE001 -- a notification must never come back as an error
            log.error(  # noqa: TRY400 -- the type alone, as above
                "end notification failed", error=type(error).__name__, where=_where(error)
            )
        return b"ok"


def _where(error: BaseException) -> str:
    """The last place in our files that the error went through: file and line, no values."""
    trace = error.__traceback__
    place = ""
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _send(start_response: StartResponse, status: str, body: bytes) -> list[bytes]:
    start_response(
        status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    )
    return [body]
