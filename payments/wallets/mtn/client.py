"""Calls to the MoMo API: a shared token, subscription key and target environment on every request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.auth import HTTPBasicAuth

from core.logging import log
from core.shared_token import FreshToken, TokenCache
from payments.wallets.http import NotSent, RawAnswer, TokenWire, Wire, code_in, short
from payments.wallets.mtn.config import MtnConfig
from payments.wallets.mtn.reasons import Refusal, judge

_TOKEN_PATH = "/collection/token/"  # noqa: S105 -- a path, not a token
_SUCCESS, _UNAUTHORISED = range(200, 300), 401


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `code` and `message` are MoMo's own, or made of the HTTP status."""

    http_status: int
    body: Mapping[str, Any] | None = field(repr=False)

    @property
    def is_ok(self) -> bool:
        return self.http_status in _SUCCESS

    @property
    def code(self) -> str:
        return code_in((self.body or {}).get("code")) or f"http_{self.http_status}"

    @property
    def message(self) -> str:
        return short((self.body or {}).get("message")) or f"HTTP {self.http_status}"

    @property
    def refusal(self) -> Refusal:
        """What this means when it is not OK."""
        return judge(self.http_status, self.code)


class MtnClient:
    """Calls MoMo for one API user. As safe to share between threads as the session."""

    def __init__(self, config: MtnConfig, tokens: TokenCache, http: requests.Session) -> None:
        """Raises InvalidValue for a session that repeats requests by itself: it could take money twice."""
        self.config = config
        self._wire = Wire(
            "mtn",
            "MoMo",
            config.base_url,
            http,
            connect_timeout_seconds=config.connect_timeout_seconds,
            read_timeout_seconds=config.read_timeout_seconds,
        )
        self._with_token = TokenWire(self._wire, tokens, self._fetch_token)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send once; once more only if turned away for the token. Raises NotSent or NoAnswer."""
        sent = {**self._ours(), "X-Target-Environment": self.config.target, **(headers or {})}
        raw = self._with_token.call(method, path, body=body, headers=sent, token_refused=_is_unauthorised)
        answer = Answer(raw.http_status, raw.body)
        if not answer.is_ok:
            log.warning("wallet refused", wallet="mtn", http_status=answer.http_status, code=answer.code)
        return answer

    def _ours(self) -> dict[str, str]:
        return {"Ocp-Apim-Subscription-Key": self.config.subscription_key}

    def _fetch_token(self) -> FreshToken:
        basic = HTTPBasicAuth(self.config.api_user, self.config.api_key)
        raw = self._wire.ask_for_token("POST", _TOKEN_PATH, auth=basic, headers=self._ours())
        answer = Answer(raw.http_status, raw.body)
        if not answer.is_ok:
            later = answer.refusal is not Refusal.OURS
            raise NotSent(f"MoMo gave no token: {answer.message}", code=answer.code, later=later)
        return self._wire.token_in(raw)


def _is_unauthorised(raw: RawAnswer) -> bool:
    return raw.http_status == _UNAUTHORISED
