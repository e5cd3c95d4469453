"""The way to a registry: pooled HTTPS with deadlines, a shared bearer token, and plain outcomes."""

import email.utils
import http.cookiejar
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import requests
from pydantic import ValidationError
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from core.clock import Clock
from core.errors import InvalidValue
from core.shared_token import FreshToken, TokenCache
from registry import codes
from registry.canonical import read_object
from registry.connection import Connection
from registry.http_answers import Outcome, judge
from registry.outcomes import Answered, Refused, Unavailable
from registry.reading import read_body
from registry.wire import TokenAnswer

_SMALL_BYTES_MAX = 100_000


class NoTokenError(Exception):
    """The token endpoint gave no token; `outcome` says why."""

    def __init__(self, outcome: Refused | Unavailable) -> None:
        self.outcome = outcome
        super().__init__()


class _Bearer(AuthBase):
    # As `auth` rather than a header, because requests lets a .netrc file replace a header.
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Anonymous(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Transport:
    """Carries bodies to one registry and back. Repeats nothing, but for one fresh token after a 401."""

    def __init__(self, connection: Connection, tokens: TokenCache, clock: Clock) -> None:
        self._connection = connection
        self._tokens = tokens
        self._clock = clock
        self._session = requests.Session()
        # A proxy set for the outside world cannot reach this machine's own sandbox.
        self._session.trust_env = not connection.is_this_machine
        self._session.headers.update(connection.extra_headers)
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        adapter = HTTPAdapter(
            pool_connections=1, pool_maxsize=connection.pool_size, max_retries=0, pool_block=True
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def post(self, path: str, body: bytes) -> Outcome:
        """Post a JSON body with the bearer token."""
        try:
            token = self._tokens.get(self._fetch_token)
            outcome, status = self._post_json(path, body, token)
            if status == HTTPStatus.UNAUTHORIZED:
                self._tokens.forget(token)
                outcome, _ = self._post_json(path, body, self._tokens.get(self._fetch_token))
        except NoTokenError as error:
            return error.outcome
        return outcome

    def read_jwks(self) -> Mapping[str, Any]:
        """The registry's published keys. Raises OSError when it is away, InvalidValue when it is no JWKS."""
        outcome, _ = self._send("GET", self._connection.paths.jwks, bytes_max=_SMALL_BYTES_MAX)
        if not isinstance(outcome, Answered):
            raise OSError("the registry's keys cannot be read")
        return read_object(outcome.body, _SMALL_BYTES_MAX)

    def close(self) -> None:
        """Give the pooled connections back."""
        self._session.close()

    def _post_json(self, path: str, body: bytes, token: str) -> tuple[Outcome, int]:
        return self._send(
            "POST",
            path,
            data=body,
            headers={"Content-Type": "application/json; charset=utf-8"},
            auth=_Bearer(token),
            bytes_max=self._connection.answer_bytes_max,
        )

    def _fetch_token(self) -> FreshToken:
        now = self._clock.now()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._connection.client_id,
            "client_secret": self._connection.client_secret.get_secret_value(),
        }
        if self._connection.scope:
            form["scope"] = self._connection.scope
        outcome, status = self._send(
            "POST",
            self._connection.paths.token,
            data=form,
            headers={"timestamp": email.utils.format_datetime(now, usegmt=True)},
            bytes_max=_SMALL_BYTES_MAX,
        )
        if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
            raise NoTokenError(Refused.because(codes.UNAUTHORIZED, "no token for these credentials"))
        if not isinstance(outcome, Answered):
            raise NoTokenError(_before_sending(outcome))
        try:
            answer = TokenAnswer.model_validate(read_object(outcome.body, _SMALL_BYTES_MAX))
        except (InvalidValue, ValidationError):
            raise NoTokenError(Unavailable("token_unreadable", may_have_arrived=False)) from None
        return FreshToken(answer.access_token, answer.expires_in)

    def _send(
        self,
        method: str,
        path: str,
        *,
        bytes_max: int,
        data: bytes | dict[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: AuthBase | None = None,
    ) -> tuple[Outcome, int]:
        give_up_at = time.monotonic() + self._connection.answer_seconds
        try:
            with self._session.request(
                method,
                self._connection.url(path),
                data=data,
                headers=headers,
                auth=auth or _Anonymous(),
                timeout=(self._connection.connect_seconds, self._connection.read_seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = read_body(response, bytes_max, give_up_at)
                return judge(response.status_code, response.headers, body, self._clock.now()), (
                    response.status_code
                )
        except (requests.exceptions.RequestException, HTTPError, TimeoutError, InvalidValue) as error:
            return _became_of(error), 0


def _became_of(error: Exception) -> Unavailable:
    match error:
        case requests.exceptions.ConnectTimeout():
            return Unavailable("connect_timeout", may_have_arrived=False)
        case requests.exceptions.Timeout() | ReadTimeoutError() | TimeoutError():
            return Unavailable("timeout")
        case InvalidValue():
            return Unavailable("answer_too_large")
        case requests.exceptions.ConnectionError() if _never_connected(error):
            return Unavailable("no_connection", may_have_arrived=False)
        case requests.exceptions.ConnectionError():
            return Unavailable("connection_lost")
    return Unavailable("broken_answer")


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    # requests has one class for "could not connect" and "the connection broke"; the cause tells them apart.
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)


def _before_sending(outcome: Refused | Unavailable) -> Refused | Unavailable:
    if isinstance(outcome, Refused):
        return outcome
    return Unavailable(outcome.reason, outcome.retry_seconds, may_have_arrived=False)
