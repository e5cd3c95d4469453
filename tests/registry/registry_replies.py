"""What a registry says, built by hand: the fixtures of the registry tests."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import responses
from requests import PreparedRequest

from core.money import Money
from registry.canonical import compact
from registry.connection import Connection
from registry.model import ContributionRecord, Identifier

URL = "https://registry.example"
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ME = Identifier("UIN", "12345678")
PERSON = {
    "@type": "Person",
    "identifier": [{"identifier_type": "UIN", "identifier_value": "12345678"}],
    "name": {"given_name": "Wanjiku", "second_name": "Njeri", "surname": "Mwangi"},
    "birth_date": "1991-04-17",
}

Reply = tuple[int, dict[str, str], str | bytes]


@dataclass(frozen=True)
class StillClock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def later(self, seconds: float) -> "StillClock":
        return StillClock(self.at + timedelta(seconds=seconds))


CLOCK = StillClock()


def a_connection(**changes: Any) -> Connection:
    return Connection.model_validate(
        {
            "name": "civil",
            "base_url": URL,
            "client_id": "kibaba",
            "client_secret": "a-client-secret",
            "sender_id": "kibaba",
            "reg_type": "ns:org:RegistryType:Civil",
            "reg_record_type": "Person",
            "page_size": 3,
        }
        | changes
    )


def a_contribution(number: int = 1, **changes: Any) -> ContributionRecord:
    values: dict[str, Any] = {
        "reference_id": f"payment-{number}",
        "transaction_id": "batch-1",
        "member_identifier": Identifier("MEMBER_NO", "412345678"),
        "programme": "HABA",
        "amount": Money(20000),
        "period": "2026-11",
        "paid_at": NOW,
        "payer_fa": "254712345678@mpesa.ke",
        "provider_reference": f"SKL1ABC{number:03}",
    }
    return ContributionRecord(**(values | changes))


def search_reply(request: dict[str, Any], records: Any, **item: Any) -> dict[str, Any]:
    """The answer to a search, as the standard has it; `item` overrides parts of the one entry."""
    asked = request["message"]["search_request"][0]
    entry = {
        "reference_id": asked["reference_id"],
        "timestamp": "2026-11-22T09:30:00+00:00",
        "status": "succ",
        "data": {"version": "1.0.0", "reg_type": "x", "reg_records": records},
        "pagination": {"page_size": 3, "page_number": 1, "total_count": len(records)},
        "locale": "eng",
    }
    message = {
        "transaction_id": request["message"]["transaction_id"],
        "correlation_id": "c-1",
        "search_response": [entry | item],
    }
    return {"signature": "", "header": reply_header(), "message": message}


def reply_header(**changes: Any) -> dict[str, Any]:
    header = {
        "version": "1.0.0",
        "message_id": "m-1",
        "message_ts": "2026-11-22T09:30:00+00:00",
        "action": "on-search",
        "status": "succ",
        "sender_id": "civil",
        "total_count": 1,
    }
    return header | changes


def ack(status: str = "ACK", **more: Any) -> dict[str, Any]:
    body = {"ack_status": status, "timestamp": "2026-11-22T09:30:00Z", "correlation_id": "c-9"}
    return {"message": body | more}


def err(code: str, message: str = "no") -> dict[str, Any]:
    return ack("ERR", error={"code": code, "message": message})


class ScriptedRegistry:
    """Records what is posted and answers each search or notification with the next thing it was told."""

    def __init__(self, wire: responses.RequestsMock) -> None:
        self.wire = wire
        self.tokens = 0
        self.token_requests: list[PreparedRequest] = []
        self.posted: list[PreparedRequest] = []
        self._script: list[Callable[[dict[str, Any]], Any]] = []
        wire.add_callback("POST", f"{URL}/oauth2/client/token", self._token)
        for path in ("/registry/sync/search", "/registry/notify"):
            self.serves(path)

    def serves(self, path: str) -> None:
        """Answer by script at this path too."""
        self.wire.add_callback("POST", URL + path, self._answer)

    def says(self, *replies: Any) -> None:
        """Each reply is a body, a (status, headers, body), an exception, or a function of the request."""
        for reply in replies:
            self._script.append(reply if callable(reply) else partial(_same, reply))

    def finds(self, *records: dict[str, Any], **item: Any) -> None:
        self.says(lambda request: search_reply(request, list(records), **item))

    @property
    def envelopes(self) -> list[dict[str, Any]]:
        return [json.loads(request.body or b"") for request in self.posted]

    def _token(self, request: PreparedRequest) -> Reply:
        self.token_requests.append(request)
        self.tokens += 1
        body = {"access_token": f"token-{self.tokens}", "token_type": "Bearer", "expires_in": "900"}
        return 200, {}, json.dumps(body)

    def _answer(self, request: PreparedRequest) -> Reply:
        self.posted.append(request)
        reply = self._script.pop(0)(json.loads(request.body or b""))
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, tuple):
            return reply
        return 200, {}, reply if isinstance(reply, bytes) else json.dumps(reply)


def payload_of(envelope: dict[str, Any], connection: Connection) -> bytes:
    """The bytes a signature of this envelope must cover."""
    return compact({"header": envelope["header"], "message": envelope["message"]}, connection.json_mode)


def _same(reply: Any, _request: dict[str, Any]) -> Any:
    return reply
