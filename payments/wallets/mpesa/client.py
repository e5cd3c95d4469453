"""One pooled HTTP call to Daraja: a token, explicit time-outs, a bounded answer, and no retry of its own.

The single exception is a request turned away for its token: nothing was done, so it goes once more with a
fresh one. Bodies are never logged.
"""

import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import structlog
import urllib3.exceptions
from pydantic import Field
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from core.errors import InvalidValue, KibabaError
from core.shared_token import FreshToken, TokenCache
from payments.wallets.mpesa.config import MpesaConfig
from payments.wallets.mpesa.error_codes import ErrorCode, Refusal, judge
from payments.wallets.mpesa.wire import WireModel, read_fields, read_json
from payments.wallets.protocol import UnreadableMessage

ANSWER_BYTES_MAX = 256 * 1024
_CHUNK_BYTES = 64 * 1024
_MESSAGE_CHARACTERS_MAX = 200
_OK = 200
_TOKEN_LIFE_SECONDS_MAX = 24 * 3600
_TOKEN_PATH = "/oauth/v1/generate?grant_type=client_credentials"  # noqa: S105 -- a path, not a token

log = structlog.get_logger(__name__)


class NotSent(KibabaError):  # noqa: N818 -- it says what happened
    """The request certainly did not reach Daraja's services. `later`: sending it later may help."""

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
class Answer:
    """What came back: the HTTP status and the JSON object, or None when there was none."""

    http_status: int
    body: Mapping[str, Any] | None = field(repr=False)

    @property
    def is_ok(self) -> bool:
        return self.http_status == _OK

    @property
    def refused(self) -> ErrorCode:
        """What this means when it is not OK."""
        return judge(self.http_status, *self._error())

    @property
    def message(self) -> str:
        """The provider's own words, cut short."""
        return self._error()[1] or f"HTTP {self.http_status}"

    def _error(self) -> tuple[str, str]:
        body = self.body or {}
        fault = body.get("fault")
        if isinstance(fault, dict):
            detail = fault.get("detail")
            code = detail.get("errorcode") if isinstance(detail, dict) else ""
            return _short(code), _short(fault.get("faultstring"))
        return _short(body.get("errorCode")), _short(body.get("errorMessage"))


class DarajaClient:
    """Calls Daraja for one shortcode's application. As safe to share between threads as the session."""

    def __init__(self, config: MpesaConfig, tokens: TokenCache, http: requests.Session) -> None:
        """Raises InvalidValue for a session that repeats requests by itself: it could take money twice."""
        for adapter in http.adapters.values():
            if isinstance(adapter, HTTPAdapter) and adapter.max_retries.total != 0:
                raise InvalidValue("the HTTP session of a wallet must not retry by itself")
        self.config = config
        self._tokens = tokens
        self._http = http

    def post(self, path: str, body: Mapping[str, Any], *, answer_bytes_max: int = ANSWER_BYTES_MAX) -> Answer:
        """Send once; once more only if turned away for the token. Raises NotSent or NoAnswer."""
        payload = json.dumps(body).encode()
        for attempt in (1, 2):
            token = self._tokens.get(self._fetch_token)
            answer = self._send("POST", path, _Bearer(token), payload, answer_bytes_max)
            if answer.is_ok or answer.refused.refusal is not Refusal.TOKEN:
                break
            self._tokens.forget(token)
            log.warning("daraja_token_refused", path=path, attempt=attempt)
        if not answer.is_ok:
            refused = answer.refused
            log.warning("daraja_refused", path=path, http_status=answer.http_status, error_code=refused.code)
        return answer

    def _fetch_token(self) -> FreshToken:
        basic = HTTPBasicAuth(self.config.consumer_key, self.config.consumer_secret)
        try:
            answer = self._send("GET", _TOKEN_PATH, basic, None, ANSWER_BYTES_MAX)
        except NoAnswer as error:
            raise NotSent("Daraja gave no token in time") from error
        if not answer.is_ok:
            later = answer.refused.refusal in {Refusal.LATER, Refusal.UNCLEAR}
            raise NotSent(f"Daraja gave no token: {answer.message}", code=answer.refused.code, later=later)
        try:
            given = read_fields(_TokenReply, answer.body)
        except UnreadableMessage as error:
            raise NotSent("Daraja's token cannot be read") from error
        return FreshToken(given.access_token, min(int(given.expires_in), _TOKEN_LIFE_SECONDS_MAX))

    def _send(self, method: str, path: str, auth: AuthBase, payload: bytes | None, bytes_max: int) -> Answer:
        config = self.config
        try:
            with self._http.request(
                method,
                config.base_url + path,
                data=payload,
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                auth=auth,
                timeout=(config.connect_timeout_seconds, config.read_timeout_seconds),
                # A redirect could send the same payment request a second time.
                allow_redirects=False,
                stream=True,
            ) as response:
                return Answer(response.status_code, _read_body(response, bytes_max))
        except requests.RequestException as error:
            name = type(error).__name__
            log.warning("daraja_failed", path=path.partition("?")[0], error=name)
            if _sent_nothing(error):
                raise NotSent(f"Daraja cannot be reached ({name})") from error
            raise NoAnswer(f"no answer from Daraja ({name})") from error


class _TokenReply(WireModel):
    access_token: str = Field(strict=True, pattern=r"^[!-~]{1,4096}$")
    # A number in the portal's pages, a text in the field; both are texts here.
    expires_in: str = Field(strict=True, pattern=r"^[0-9]{1,9}$")


class _Bearer(AuthBase):
    """As an auth object, so that a .netrc on the machine cannot replace the header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


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


def _short(value: object) -> str:
    if not isinstance(value, str):
        return ""
    # Phone numbers have been seen inside provider messages.
    cleaned = re.sub(r"[0-9]{9,}", "…", value)
    return "".join(c if c.isprintable() else " " for c in cleaned)[:_MESSAGE_CHARACTERS_MAX].strip()
