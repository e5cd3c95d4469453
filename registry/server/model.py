"""Who may call us, what a call is once it has been judged, and the three ways in which one is refused."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from core.errors import KibabaError
from registry import codes
from registry.connection import ReplySignatures

# As long as it can be kept.
ADDRESS_MAX = 500


class Scope(StrEnum):
    """What a client may be granted."""

    SEARCH = "registry.search"
    SUBSCRIBE = "registry.subscribe"
    NOTIFY = "registry.notify"


@dataclass(frozen=True, slots=True)
class Client:
    """One system that may call us. `keys` (a JWKS) or `keys_url` say how its signatures are checked."""

    id: str
    scopes: frozenset[Scope]
    signatures: ReplySignatures
    keys: Mapping[str, Any] | None
    keys_url: str
    callback_base: str
    speaks_for: str
    requests_per_minute: int

    def may_be_called_at(self, address: str) -> bool:
        """Whether an address is the one that an operator entered for this client, or below it."""
        base = self.callback_base
        is_below = bool(base) and (address.rstrip("/") == base or address.startswith(f"{base}/"))
        # Whoever calls it decodes dots that are written as %2e.
        stays_below = ".." not in unquote(address) and "\\" not in unquote(address)
        return is_below and stays_below and len(address) <= ADDRESS_MAX and address.isprintable()


@dataclass(frozen=True, slots=True)
class Received:
    """A message from somebody who may send it. `correlation_id` is ours; `header` is not judged yet."""

    client: Client
    header: Mapping[str, Any]
    message_id: str
    transaction_id: str
    correlation_id: uuid.UUID
    message: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes
    retry_seconds: int | None = None


class TransportRefused(KibabaError):  # noqa: N818 -- it names what happened to the request
    """Turned away before the message counts: `{"errors": [{code, message}]}`."""

    def __init__(
        self, status: HTTPStatus, code: str, words: str, *, retry_seconds: int | None = None
    ) -> None:
        self.status = status
        self.code = code
        self.retry_seconds = retry_seconds
        super().__init__(words)


class MessageRefused(KibabaError):  # noqa: N818 -- it names what happened to the message
    """Refused as a message: HTTP 200 with `ack_status` ERR and one of the `err.` codes."""

    def __init__(self, code: str, words: str) -> None:
        self.code = code
        super().__init__(words)


class Rejected(KibabaError):  # noqa: N818 -- it names what happened to the header or the item
    """A header, or one item of a batch, is rejected with one of the `rjct.` codes."""

    def __init__(self, code: str, words: str) -> None:
        self.code = code
        super().__init__(words)


def unauthorized(words: str) -> TransportRefused:
    """No token, an old one, or one of somebody we do not know."""
    return TransportRefused(HTTPStatus.UNAUTHORIZED, codes.UNAUTHORIZED, words)


def bad_request(words: str) -> TransportRefused:
    """Not an envelope at all."""
    return TransportRefused(HTTPStatus.BAD_REQUEST, codes.BAD_REQUEST, words)
