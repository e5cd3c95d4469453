"""Fixtures of the payment rooms."""

import pytest
from sqlalchemy import Engine

from core.database import vault_of
from core.phone import PhoneNumber
from payments.alerts.watching import Limits, Lookout
from tests.payments.world import World

STAFF_PHONES = ["+254712000901", "+254712000902"]


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


@pytest.fixture
def lookout(world: World) -> Lookout:
    with world.sessions.begin() as session:
        vault = vault_of(session)
    phones, limits = [PhoneNumber(phone) for phone in STAFF_PHONES], Limits(at_risk_cents=10_000)
    return Lookout(world.sessions, world.clock, world.calendar, vault, phones, limits)
