"""A whole web process on clean servers, and a phone that posts to it as the aggregator does."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from flask import Flask
from flask.testing import FlaskClient

from core.settings import Settings
from ussd_app.application import create_app
from ussd_app.bootstrap import Services, build


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    built = build(settings)
    yield built
    built.close()


@pytest.fixture
def app(services: Services) -> Flask:
    return create_app(services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@dataclass
class Phone:
    """Posts hops with cumulative text; remembers what was typed, so that a test reads like a call."""

    client: FlaskClient
    number: str
    session_id: str = ""
    text: str = ""
    screens: list[str] = field(default_factory=list)

    def dial(self, link: str = "") -> str:
        self.session_id = f"ATUid_{uuid.uuid4().hex}"
        self.text = link
        return self.post()

    def answer(self, typed: str) -> str:
        self.text = f"{self.text}*{typed}" if self.text else typed
        return self.post()

    def post(self) -> str:
        reply = self.client.post(
            "/gateway/dev/africastalking/ussd",
            data={
                "phoneNumber": self.number,
                "serviceCode": "*384*96#",
                "text": self.text,
                "sessionId": self.session_id,
                "networkCode": "63902",
            },
        )
        assert reply.status_code == 200
        screen = reply.get_data(as_text=True)
        assert screen.startswith(("CON ", "END "))
        self.screens.append(screen)
        return screen


@pytest.fixture
def phone(client: FlaskClient) -> Callable[[str], Phone]:
    return lambda number: Phone(client, number)


PIN = "4926"


def join(phone: Phone) -> None:
    """Become a member, in English, with national ID 12345678."""
    phone.dial()
    for typed in ("2", "1", "12345678", "1"):
        phone.answer(typed)
    # The look-up has not been answered: the PIN comes next.
    phone.answer(PIN)
    assert phone.answer(PIN).startswith("END ")
