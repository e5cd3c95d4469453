"""Calls to Daraja: a shared token, and answers judged by Daraja's own error codes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.auth import HTTPBasicAuth

from core.logging import log
from core.shared_token import FreshToken, TokenCache
from payments.wallets.http import ANSWER_BYTES_MAX, NoAnswer, NotSent, RawAnswer, TokenWire, Wire, short
from payments.wallets.mpesa.config import MpesaConfig
from payments.wallets.mpesa.error_codes import ErrorCode, Refusal, judge

__all__ = ["ANSWER_BYTES_MAX", "Answer", "DarajaClient", "NoAnswer", "NotSent"]

_OK = 200
_TOKEN_PATH = "/oauth/v1/generate?grant_type=client_credentials"  # noqa: S105 -- a path, not a token


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
            return short(code), short(fault.get("faultstring"))
        return short(body.get("errorCode")), short(body.get("errorMessage"))


class DarajaClient:
    """Calls Daraja for one shortcode's application. As safe to share between threads as the session."""

    def __init__(self, config: MpesaConfig, tokens: TokenCache, http: requests.Session) -> None:
        """Raises InvalidValue for a session that repeats requests by itself: it could take money twice."""
        self.config = config
        self._wire = Wire(
            "daraja",
            "Daraja",
            config.base_url,
            http,
            connect_timeout_seconds=config.connect_timeout_seconds,
            read_timeout_seconds=config.read_timeout_seconds,
        )
        self._with_token = TokenWire(self._wire, tokens, self._fetch_token)

    def post(self, path: str, body: Mapping[str, Any], *, answer_bytes_max: int = ANSWER_BYTES_MAX) -> Answer:
        """Send once; once more only if turned away for the token. Raises NotSent or NoAnswer."""
        raw = self._with_token.call(
            "POST", path, body=body, token_refused=_token_refused, bytes_max=answer_bytes_max
        )
        answer = _answer(raw)
        if not answer.is_ok:
            refused = answer.refused
            log.warning(
                "wallet refused",
                wallet="daraja",
                path=path,
                http_status=answer.http_status,
                error_code=refused.code,
            )
        return answer

    def _fetch_token(self) -> FreshToken:
        basic = HTTPBasicAuth(self.config.consumer_key, self.config.consumer_secret)
        raw = self._wire.ask_for_token("GET", _TOKEN_PATH, auth=basic)
        answer = _answer(raw)
        if not answer.is_ok:
            later = answer.refused.refusal in {Refusal.LATER, Refusal.UNCLEAR}
            raise NotSent(f"Daraja gave no token: {answer.message}", code=answer.refused.code, later=later)
        return self._wire.token_in(raw)


def _answer(raw: RawAnswer) -> Answer:
    return Answer(raw.http_status, raw.body)


def _token_refused(raw: RawAnswer) -> bool:
    answer = _answer(raw)
    return not answer.is_ok and answer.refused.refusal is Refusal.TOKEN
