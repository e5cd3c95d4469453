"""A wallet against documented bodies: every request is kept, and answers are given in order."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import requests
import responses

from core.money import Money
from core.phone import PhoneNumber
from core.shared_token import LocalTokenCache
from payments.wallets.mpesa.config import MpesaConfig
from payments.wallets.mpesa.wallet import MpesaWallet
from payments.wallets.protocol import PromptRequest
from tests.payments.wallets.mpesa_bodies import CALLBACK_URL, DARAJA, NOW, SHORTCODE, TOKEN


class StoppedClock:
    """Always the same instant."""

    def now(self) -> Any:
        return NOW


@dataclass
class Daraja:
    """What is answered per path, the last answer again and again, and what was asked."""

    mock: responses.RequestsMock
    answers: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[requests.PreparedRequest] = field(default_factory=list)

    def answer(self, path: str, *answers: Any) -> None:
        """Each is `(status, body)` or an exception; a body that is a text goes as it is."""
        self.answers[path] = list(answers)
        for method in ("GET", "POST"):
            self.mock.add_callback(method, DARAJA + path, self._callback(path))

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(one.body or "{}") for one in self.asked if urlsplit(one.url).path == path]

    def _callback(self, path: str) -> Callable[[Any], tuple[int, dict[str, str], str]]:
        def give(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
            self.asked.append(request)
            waiting = self.answers[path]
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(answer, Exception):
                raise answer
            status, body = answer
            return status, {}, body if isinstance(body, str) else json.dumps(body)

        return give


@contextmanager
def daraja() -> Iterator[Daraja]:
    """Nothing but what a test answers is reachable; a token is given on demand."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        stub = Daraja(mock)
        stub.answer("/oauth/v1/generate", (200, TOKEN))
        yield stub


def config(**changed: Any) -> MpesaConfig:
    fields = {
        "base_url": DARAJA,
        "shortcode": SHORTCODE,
        "consumer_key": "sandbox-key",
        "consumer_secret": "sandbox-secret",
        "passkey": "sandbox-passkey",
    }
    return MpesaConfig(**(fields | changed))


def wallet(**changed: Any) -> MpesaWallet:
    return MpesaWallet(config(**changed), LocalTokenCache(), requests.Session(), StoppedClock())


def wish(**changed: Any) -> PromptRequest:
    fields: dict[str, Any] = {
        "contribution_id": UUID(int=7),
        "phone": PhoneNumber.parse("0708374149"),
        "amount": Money(5000),
        "account": "400000012",
        "description": "Savings",
        "callback_url": CALLBACK_URL,
    }
    return PromptRequest(**(fields | changed))
