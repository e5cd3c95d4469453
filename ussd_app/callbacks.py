"""Callbacks of wallets, kept in front of Flask: stored, committed, answered; jobs work out the meaning."""

import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import psycopg
from prometheus_client import Counter

from core.clock import Clock
from core.logging import log
from payments.evidence.desk import EvidenceDesk
from payments.model import EvidenceChannel
from payments.order_results import reference_of
from payments.wallets.airtel import config as airtel
from payments.wallets.mpesa import config as mpesa
from payments.wallets.mpesa.hand_payment import CONFIRMED
from payments.wallets.mtn import config as mtn
from ussd_app.bodies import BodyTooLarge, as_stored, read_body

CALLBACKS: Final = Counter(
    "kibaba_callbacks", "Messages from providers, by what became of them.", ["kind", "outcome"]
)
_PREFIX: Final = "/hooks/"
_OK: Final = "200 OK"
_POST: Final = frozenset({"POST"})
# MTN's sandbox puts what production posts; nobody promises which.
_POST_OR_PUT: Final = frozenset({"POST", "PUT"})


class _Kind(NamedTuple):
    """What is posted to one address, and what we say to it. `reference` is given the rest of the address."""

    channel: EvidenceChannel
    wallet: str
    answer: bytes
    methods: frozenset[str]
    parts_max: int
    reference: Callable[..., str]
    name: str


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value).encode()


def _itself(reference: str = "") -> str:
    return reference


_TAKEN: Final = _json({"ResultCode": 0, "ResultDesc": "Accepted"})


def _kinds() -> dict[str, _Kind]:
    def of_mpesa(channel: EvidenceChannel, answer: bytes, parts_max: int, reference: Any = _itself) -> _Kind:
        return _Kind(channel, mpesa.NAME, answer, _POST, parts_max, reference, channel.value)

    kinds = {
        mpesa.HOOK: of_mpesa(EvidenceChannel.STK_CALLBACK, _TAKEN, 1),
        "result": of_mpesa(EvidenceChannel.ORDER_RESULT, _TAKEN, 2, _of_order),
        "timeout": of_mpesa(EvidenceChannel.ORDER_TIMEOUT, _TAKEN, 2, _of_order),
    }
    for name, hook in ((airtel.NAME, airtel.HOOK), (mtn.NAME, mtn.HOOK)):
        stored = _json({"status": "stored"})
        kinds[hook] = _Kind(EvidenceChannel.STK_CALLBACK, name, stored, _POST_OR_PUT, 1, _itself, name)
    return kinds


def _of_order(kind: str, order_id: str = "") -> str:
    return reference_of(kind, order_id)


_KINDS: Final = _kinds()
_CONFIRMATION: Final = _Kind(
    EvidenceChannel.C2B_CONFIRMATION,
    mpesa.NAME,
    _json(CONFIRMED),
    _POST,
    0,
    _itself,
    EvidenceChannel.C2B_CONFIRMATION.value,
)
# Stands before what is kept of a body that is too large, so that a part is never read as a whole message.
_BEGINNING: Final = "(the beginning of a body that is too large) "
_CONFIRMATION_PATH: Final = "c2b/confirmation"


class Callbacks:
    """WSGI middleware: `/hooks/{token}/…`, except what must be judged at once; everything else passes on.

    A message is never refused for what it says. A wrong token is 404; 500 says that it was not stored. Of a
    body that is too large the beginning is kept, as a message that cannot be read, and the answer is 413.
    """

    def __init__(
        self, app: WSGIApplication, desk: EvidenceDesk, clock: Clock, *, token: str, mpesa_shortcode: str
    ) -> None:
        self._app = app
        self._desk = desk
        self._clock = clock
        self._token = token.encode()
        self._shortcodes = {mpesa.NAME: mpesa_shortcode}
        self._stored = {
            kind.name: CALLBACKS.labels(kind.name, "stored").inc for kind in (*_KINDS.values(), _CONFIRMATION)
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if not path.startswith(_PREFIX):
            return self._app(environ, start_response)
        token, _, rest = path[len(_PREFIX) :].partition("/")
        found = _find(rest)
        if found is None:
            return self._app(environ, start_response)
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self._token):
            return _send(start_response, "404 Not Found", _json({"error": "not found"}))
        kind, reference = found
        if environ.get("REQUEST_METHOD") not in kind.methods:
            return _send(start_response, "405 Method Not Allowed", _json({"error": "method not allowed"}))
        status, answer = self._keep(environ, kind, reference)
        return _send(start_response, status, answer)

    def _keep(self, environ: dict[str, Any], kind: _Kind, reference: str) -> tuple[str, bytes]:
        is_whole = True
        try:
            body = as_stored(read_body(environ))
        except BodyTooLarge as error:
            is_whole, body = False, _BEGINNING + as_stored(error.head)
        if not body:
            return _refused(kind, "empty", "400 Bad Request", "the body is empty")
        try:
            self._desk.keep(
                kind.channel,
                kind.wallet,
                body,
                now=self._clock.now(),
                reference=reference,
                shortcode=self._shortcodes.get(kind.wallet, ""),
            )
        except psycopg.Error as error:
            # The type alone: the text of an error may hold what was sent.
            log.warning("callback not stored", kind=kind.name, error=type(error).__name__)
            return _refused(kind, "trouble", "500 Internal Server Error", "internal server error")
        if not is_whole:
            return _refused(kind, "too_large", "413 Content Too Large", "the body is too large")
        self._stored[kind.name]()
        return _OK, kind.answer


def _find(rest: str) -> tuple[_Kind, str] | None:
    """What is posted to the address behind the token, and what the address says about it."""
    if rest == _CONFIRMATION_PATH:
        return _CONFIRMATION, ""
    first, *more = rest.split("/")
    kind = _KINDS.get(first)
    if kind is None or len(more) > kind.parts_max or "" in more:
        return None
    if kind.reference is _of_order and not more:
        return None
    # WSGI gives the bytes of an address as Latin-1; the database takes neither bad UTF-8 nor NUL.
    return kind, as_stored(kind.reference(*more).encode("latin-1", "replace"))


def _refused(kind: _Kind, outcome: str, status: str, why: str) -> tuple[str, bytes]:
    CALLBACKS.labels(kind.name, outcome).inc()
    return status, _json({"error": why})


def _send(start_response: StartResponse, status: str, body: bytes) -> list[bytes]:
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
