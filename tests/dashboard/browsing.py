"""What a browser does: reads the form's token, signs in, posts. And the clock it all happens by."""

import re
from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard.services import Services

NOON = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)  # 12:00 in Nairobi, a Sunday


class TurnableClock:
    """A clock that stands until a test turns it."""

    def __init__(self) -> None:
        self.instant = NOON

    def now(self) -> datetime:
        return self.instant

    def turn(self, by: timedelta) -> None:
        self.instant += by


PASSWORD = "maji ya moto yapoe"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def token_in(page: str) -> str:
    """The CSRF token of the first form on a page."""
    found = _TOKEN.search(page)
    assert found, "no form with a token on this page"
    return found[1]


def post(client: FlaskClient, address: str, form_on: str | None = None, **fields: str) -> TestResponse:
    """Fill in the form found at `form_on` (else at `address` itself) and send it to `address`."""
    token = token_in(client.get(form_on or address).text)
    return client.post(address, data={"csrf_token": token, **fields})


def sign_in(client: FlaskClient, email: str, password: str = PASSWORD) -> TestResponse:
    return post(client, "/dashboard/sign-in", email=email, password=password)


def turn(parts: Services, by: timedelta) -> None:
    """Let time pass."""
    assert isinstance(parts.clock, TurnableClock)
    parts.clock.turn(by)
