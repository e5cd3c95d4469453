"""A small fund for the tests of members."""

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from core.clock import FundCalendar
from core.vault import Vault
from members.look_up import IdentityLookUp
from members.model import Policy
from members.pins import Pins, pin_hasher
from members.service import Members
from tests.members.members_world import HandClock, Registry, World

POLICY = Policy(FundCalendar(ZoneInfo("Africa/Nairobi")))


@pytest.fixture
def world(engine: Engine, sessions: sessionmaker[Session], vault: Vault) -> World:
    clock = HandClock()
    pins = Pins(b"pepper-of-the-tests", pin_hasher(time_cost=1, memory_kib=8), clock)
    members = Members(vault, clock, pins, POLICY)
    registry = Registry(engine)
    look_up = IdentityLookUp(sessions, registry, members.indexes, clock, POLICY)
    return World(sessions, members, clock, registry, look_up)
