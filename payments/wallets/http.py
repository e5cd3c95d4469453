"""One pooled HTTP call to a wallet: explicit time-outs, a bounded answer, no redirect and no retry.

The single exception is a request turned away for its token: nothing was done, so it goes once more with a
fresh one. Bodies are never logged.
"""

import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import urllib3.exceptions
from pydantic import Field
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from core.errors import InvalidValue, KibabaError
from core.logging import log
from core.shared_token import FreshToken, TokenCache
from payments.wallets.protocol import UnreadableMessage
from payments.wallets.wire import WireModel, read_fields, read_json

ANSWER_BYTES_MAX = 256 * 1024
_CHUNK_BYTES = 64 * 1024
_MESSAGE_CHARACTERS_MAX = 200
_TOKEN_LIFE_SECONDS_MAX = 24 * 3600
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class NotSent(KibabaError):  # noqa: N818 -- it says what happened
    """The request certainly did not reach the wallet's services. `later`: sending it later may help."""

    code = "not_sent"

    def __init__(self, reason: str, *, code: str = "unreachable", later: bool = True) -> None:
        super().__init__(reason)
        self.provider_code = code
        self.later = later
        self.permanent = not later


class NoAnswer(KibabaError):  # noqa: N818 -- it says what happened
    """The request may have arrived; no answer that can be read came back."""

    code = "no_answer"
    permanent = False


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back: the HTTP status and the JSON object, or None when there was none."""

    http_status: int
    body: Mapping[str, Any] | None = field(repr=False)


class Bearer(AuthBase):
    """As an auth object, so that a .netrc on the machine cannot replace the header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Wire:
    """The way to one provider. As safe to share between threads as the session.

    `name`: the provider's, for logs; `title`: for people. `base_url`: without a closing slash.
    """

    def __init__(
        self,
        name: str,
        title: str,
        base_url: str,
        http: requests.Session,
        *,
        connect_timeout_seconds: float,
        read_timeout_seconds: float,
    ) -> None:
        """Raises InvalidValue for a session that repeats requests by itself: it could take money twice."""
        for adapter in http.adapters.values():
            if isinstance(adapter, HTTPAdapter) and adapter.max_retries.total != 0:
                raise InvalidValue("the HTTP session of a wallet must not retry by itself")
        self.name = name
        self.title = title
        self._base_url = base_url
        self._http = http
        self._timeout = (connect_timeout_seconds, read_timeout_seconds)

    def send(
        self,
        method: str,
        path: str,
        *,
        auth: AuthBase | None = None,
        payload: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> RawAnswer:
        """Send once. Raises NotSent or NoAnswer."""
        sent = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
        try:
            with self._http.request(
                method,
                self._base_url + path,
                data=payload,
                headers=sent,
                auth=auth,
                timeout=self._timeout,
                # A redirect could send the same payment request a second time.
                allow_redirects=False,
                stream=True,
            ) as response:
                return RawAnswer(response.status_code, _read_body(response, bytes_max))
        except requests.RequestException as error:
            kind = type(error).__name__
            log.warning("wallet call failed", wallet=self.name, path=path.partition("?")[0], error=kind)
            if _sent_nothing(error):
                raise NotSent(f"{self.title} cannot be reached ({kind})") from error
            raise NoAnswer(f"no answer from {self.title} ({kind})") from error

    def ask_for_token(
        self,
        method: str,
        path: str,
        *,
        auth: AuthBase | None = None,
        payload: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RawAnswer:
        """Send once; without an answer, nothing that a token is for has been sent. Raises NotSent."""
        try:
            return self.send(method, path, auth=auth, payload=payload, headers=headers)
        except NoAnswer as error:
            raise NotSent(f"{self.title} gave no token in time") from error

    def token_in(self, answer: RawAnswer) -> FreshToken:
        """The token in a good answer. Raises NotSent."""
        try:
            given = read_fields(_TokenReply, answer.body)
        except UnreadableMessage as error:
            raise NotSent(f"{self.title}'s token cannot be read") from error
        return FreshToken(given.access_token, min(int(given.expires_in), _TOKEN_LIFE_SECONDS_MAX))


class TokenWire:
    """A wire whose requests carry a token that all processes share."""

    def __init__(self, wire: Wire, tokens: TokenCache, fetch: Callable[[], FreshToken]) -> None:
        self.wire = wire
        self._tokens = tokens
        self._fetch = fetch

    def call(
        self,
        method: str,
        path: str,
        *,
        token_refused: Callable[[RawAnswer], bool],
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> RawAnswer:
        """Send once; once more only if turned away for the token. Raises NotSent or NoAnswer."""
        payload = None if body is None else json.dumps(body).encode()
        for attempt in (1, 2):
            token = self._tokens.get(self._fetch)
            answer = self.wire.send(
                method, path, auth=Bearer(token), payload=payload, headers=headers, bytes_max=bytes_max
            )
            if not token_refused(answer):
                break
            self._tokens.forget(token)
            log.warning("wallet token refused", wallet=self.wire.name, path=path, attempt=attempt)
        return answer


class _TokenReply(WireModel):
    access_token: str = Field(strict=True, pattern=r"^[!-~]{1,4096}$")
    # A number in some providers' pages, a text in the field; both are texts here.
    expires_in: str = Field(strict=True, pattern=r"^[0-9]{1,9}$")


def code_in(value: object) -> str:
    """A provider's code, empty for what has not the form of one."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else ""


def short(value: object) -> str:
    """A provider's own words, cut short, without anything that looks like a phone number."""
    if not isinstance(value, str):
        return ""
    # Phone numbers have been seen inside provider messages.
    cleaned = re.sub(r"[0-9]{9,}", "…", value)
    return "".join(c if c.isprintable() else " " for c in cleaned)[:_MESSAGE_CHARACTERS_MAX].strip()


def _read_body(response: requests.Response, bytes_max: int) -> dict[str, Any] | None:
    content = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        content += chunk
        if len(content) > bytes_max:
            return None
    try:
        return read_json(bytes(content), bytes_max=bytes_max)
    except UnreadableMessage:
        return None


def _sent_nothing(error: BaseException) -> bool:
    """Whether the connection itself failed. A reset or a time-out later on leaves that open."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.InvalidURL):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, urllib3.exceptions.SSLError) and reason.args:
        return isinstance(reason.args[0], ssl.SSLCertVerificationError)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)
