"""Phones behind each aggregator: they speak its format, so that one test can be told of all of them."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlencode
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from flask.testing import FlaskClient

from tests.ussd_app.conftest import PIN

CODE = "*384*96#"


class Wire(Protocol):
    """One aggregator's way to say what a phone does."""

    name: str
    content_type: str
    reply_type: str

    def body(self, session_id: str, number: str, typed: list[str], link: str | None) -> str:
        """A post after these answers; `link` is what was dialled behind the code, at the start only."""
        ...

    def read(self, body: str) -> tuple[str, bool]:
        """The screen, and whether it ends the session."""
        ...


class AfricasTalkingWire:
    name = "africastalking"
    content_type = "application/x-www-form-urlencoded"
    reply_type = "text/plain; charset=utf-8"

    def __init__(self) -> None:
        self.link = ""

    def body(self, session_id: str, number: str, typed: list[str], link: str | None) -> str:
        if link is not None:
            self.link = link
        text = "*".join(([self.link] if self.link else []) + typed)
        fields = {"sessionId": session_id, "phoneNumber": number, "serviceCode": CODE}
        return urlencode({**fields, "networkCode": "63902", "text": text})

    def read(self, body: str) -> tuple[str, bool]:
        assert body.startswith(("CON ", "END "))
        return body[4:], body.startswith("END ")


class ArkeselWire:
    name = "arkesel"
    content_type = "application/json"
    reply_type = "application/json"

    def body(self, session_id: str, number: str, typed: list[str], link: str | None) -> str:
        dialled = CODE if not link else f"{CODE[:-1]}*{link}#"
        return json.dumps(
            {
                "sessionID": session_id,
                "userID": "KIBABA",
                "newSession": link is not None,
                "msisdn": number.removeprefix("+"),
                "userData": dialled if link is not None else typed[-1],
                "network": "SAFARICOM",
            }
        )

    def read(self, body: str) -> tuple[str, bool]:
        answer = json.loads(body)
        assert set(answer) in (
            {"message", "continueSession"},
            {"sessionID", "userID", "msisdn", "message", "continueSession"},
        )
        return answer["message"], not answer["continueSession"]


class TruRouteWire:
    name = "truroute"
    content_type = "text/xml"
    reply_type = "text/xml; charset=utf-8"

    def body(self, session_id: str, number: str, typed: list[str], link: str | None) -> str:
        dialled = CODE if not link else f"{CODE[:-1]}*{link}#"
        kind, message = ("1", dialled) if link is not None else ("2", typed[-1])
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f"<ussd><msisdn>{number.removeprefix('+')}</msisdn><sessionid>{escape(session_id)}</sessionid>"
            f"<type>{kind}</type><msg>{escape(message)}</msg></ussd>"
        )

    def read(self, body: str) -> tuple[str, bool]:
        document = ET.fromstring(body)  # noqa: S314 -- our own answer
        assert document.tag == "ussd"
        return document.findtext("msg") or "", {"2": False, "3": True}[document.findtext("type") or ""]


@dataclass
class Call:
    """A phone in a call behind an aggregator."""

    client: FlaskClient
    wire: Wire
    number: str = "+254712345678"
    session_id: str = ""
    typed: list[str] = field(default_factory=list)
    last_body: str = ""
    ended: bool = False

    def dial(self, link: str = "", session_id: str | None = None) -> str:
        self.session_id = session_id or uuid.uuid4().hex
        self.typed = []
        return self.send(self.wire.body(self.session_id, self.number, [], link))

    def answer(self, *typed: str) -> str:
        screen = ""
        for text in typed:
            self.typed.append(text)
            screen = self.send(self.wire.body(self.session_id, self.number, self.typed, None))
        return screen

    def again(self) -> str:
        """The gateway posts what it posted last."""
        return self.send(self.last_body)

    def send(self, body: str) -> str:
        self.last_body = body
        reply = self.client.post(
            f"/gateway/dev/{self.wire.name}/ussd", data=body.encode(), content_type=self.wire.content_type
        )
        assert reply.status_code == 200
        assert reply.headers["Content-Type"] == self.wire.reply_type
        screen, self.ended = self.wire.read(reply.get_data(as_text=True))
        return screen


class Stopwatch:
    """A clock that goes on by four seconds whenever a test lets the caller read."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def read_a_screen(self) -> None:
        self.instant += timedelta(seconds=4)


class SlowCall(Call):
    """A call in which the caller reads every screen before the next answer."""

    def __init__(self, client: FlaskClient, wire: Wire, *, clock: Stopwatch) -> None:
        super().__init__(client, wire)
        self.clock = clock

    def answer(self, *typed: str) -> str:
        screen = ""
        for text in typed:
            self.clock.read_a_screen()
            screen = super().answer(text)
        return screen

    def join(self) -> None:
        self.dial()
        self.answer("2", "1", "12345678", "1", PIN, PIN)
        assert self.ended


WIRES: dict[str, Callable[[], Wire]] = {
    "africastalking": AfricasTalkingWire,
    "arkesel": ArkeselWire,
    "truroute": TruRouteWire,
}
