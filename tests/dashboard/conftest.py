"""The dashboard on an application of its own, with staff of every role and a clock that tests turn."""

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, sessionmaker

from core.clock import FundCalendar
from core.vault import Vault
from dashboard.blueprint import register
from dashboard.services import Services
from dashboard.staff.service import add_staff
from members.model import Policy
from members.pins import Pins
from members.service import Members
from tests.dashboard.a_day import Day, seed
from tests.dashboard.browsing import PASSWORD, TurnableClock, sign_in


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def calendar() -> FundCalendar:
    return FundCalendar(ZoneInfo("Africa/Nairobi"))


@pytest.fixture
def members(vault: Vault, clock: TurnableClock, calendar: FundCalendar) -> Members:
    pins = Pins(b"pepper-of-the-tests", PasswordHasher(time_cost=1, memory_cost=8), clock)
    return Members(vault, clock, pins, Policy(calendar))


@pytest.fixture
def parts(
    sessions: sessionmaker[Session], clock: TurnableClock, calendar: FundCalendar, members: Members
) -> Services:
    return Services(
        sessions=sessions,
        clock=clock,
        calendar=calendar,
        members=members,
        secret_key="secret-key-of-the-tests-0123456789abcdef",
        public_url="http://127.0.0.1:8000",
        wallet="mpesa",
        shortcode="174379",
        fund_name="Haba Fund",
    )


@pytest.fixture
def app(parts: Services) -> Flask:
    app = Flask("kibaba", root_path=str(Path(__file__).parent), static_folder=None)
    register(app, parts)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that nobody has signed in with."""
    return app.test_client()


@pytest.fixture
def staff(parts: Services) -> Callable[[str], str]:
    """Opens an account with a role; gives its e-mail address."""

    def open_account(role: str) -> str:
        email = f"{role}@fund.example"
        with parts.sessions.begin() as session:
            add_staff(
                session,
                email=email,
                name=f"Amina {role.title()}",
                role=role,
                password=PASSWORD,
                now=parts.clock.now(),
            )
        return email

    return open_account


@pytest.fixture
def as_role(app: Flask, staff: Callable[[str], str]) -> Callable[[str], FlaskClient]:
    """A browser in which somebody with this role has signed in."""

    def browser(role: str) -> FlaskClient:
        client = app.test_client()
        assert sign_in(client, staff(role)).status_code == 302
        return client

    return browser


@pytest.fixture
def officer(as_role: Callable[[str], FlaskClient]) -> FlaskClient:
    return as_role("officer")


@pytest.fixture
def day(parts: Services) -> Day:
    """A realistic day: most money arrived at the fund, some is stuck, some nobody can name."""
    with parts.sessions.begin() as session:
        return seed(session, parts)
