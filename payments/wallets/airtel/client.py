"""Calls to Airtel's API: a shared token, country and currency headers, and the `status` of every answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from core.logging import log
from core.shared_token import FreshToken, TokenCache
from payments.wallets.airtel.config import AirtelConfig
from payments.wallets.http import NotSent, RawAnswer, TokenWire, Wire, code_in, short

_TOKEN_PATH = "/auth/oauth2/token"  # noqa: S105 -- a path, not a token
_OK, _UNAUTHORISED, _TOO_MANY = 200, 401, 429
_UNCLEAR_STATUSES = frozenset({408, 409, 425, 499})
_CLIENT_ERRORS = range(400, 500)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and the codes in it; codes are empty where it has none."""

    http_status: int
    body: Mapping[str, Any] | None = field(repr=False)

    @property
    def is_ok(self) -> bool:
        return self.http_status == _OK

    @property
    def is_too_many(self) -> bool:
        return self.http_status == _TOO_MANY

    @property
    def is_refused_at_the_door(self) -> bool:
        """Whether the HTTP status alone promises that nothing was done."""
        return self.http_status in _CLIENT_ERRORS and self.http_status not in _UNCLEAR_STATUSES

    @property
    def response_code(self) -> str:
        return code_in(self._status.get("response_code"))

    @property
    def result_code(self) -> str:
        return code_in(self._status.get("result_code"))

    @property
    def message(self) -> str:
        """The provider's own words, cut short. The gateway in front of Airtel has words of its own."""
        said = short(self._status.get("message")) or short((self.body or {}).get("error_description"))
        return said or f"HTTP {self.http_status}"

    @property
    def name(self) -> str:
        """What to call this answer in a record."""
        return self.response_code or self.result_code or f"http_{self.http_status}"

    @property
    def _status(self) -> Mapping[str, Any]:
        status = (self.body or {}).get("status")
        return status if isinstance(status, dict) else {}


class AirtelClient:
    """Calls Airtel for one merchant's application. As safe to share between threads as the session."""

    def __init__(self, config: AirtelConfig, tokens: TokenCache, http: requests.Session) -> None:
        """Raises InvalidValue for a session that repeats requests by itself: it could take money twice."""
        self.config = config
        self._wire = Wire(
            "airtel",
            "Airtel",
            config.base_url,
            http,
            connect_timeout_seconds=config.connect_timeout_seconds,
            read_timeout_seconds=config.read_timeout_seconds,
        )
        self._with_token = TokenWire(self._wire, tokens, self._fetch_token)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Send once; once more only if turned away for the token. Raises NotSent or NoAnswer."""
        headers = {"X-Country": self.config.country, "X-Currency": self.config.currency}
        raw = self._with_token.call(method, path, body=body, headers=headers, token_refused=_is_unauthorised)
        answer = Answer(raw.http_status, raw.body)
        if not answer.is_ok:
            log.warning("wallet refused", wallet="airtel", http_status=answer.http_status, code=answer.name)
        return answer

    def _fetch_token(self) -> FreshToken:
        wanted = {
            "client_id": self.config.client_id,
            "client_secret": self.config.client_secret,
            "grant_type": "client_credentials",
        }
        raw = self._wire.ask_for_token("POST", _TOKEN_PATH, payload=json.dumps(wanted).encode())
        answer = Answer(raw.http_status, raw.body)
        if not answer.is_ok:
            later = answer.is_too_many or not answer.is_refused_at_the_door
            raise NotSent(f"Airtel gave no token: {answer.message}", code=answer.name, later=later)
        return self._wire.token_in(raw)


def _is_unauthorised(raw: RawAnswer) -> bool:
    return raw.http_status == _UNAUTHORISED
