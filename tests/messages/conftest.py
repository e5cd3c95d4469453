"""A small fund for the tests of messages."""

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from core.clock import FundCalendar
from core.vault import Vault
from members.model import Policy
from members.pins import Pins, pin_hasher
from members.service import Members
from messages.sending import Sending
from messages.service import Messages
from messages.templates import FundWords, Texts
from tests.messages.messages_world import HandClock, Provider, World


@pytest.fixture
def texts() -> Texts:
    words = FundWords("Haba Fund", "*384*96#", "0800 720 000")
    return Texts(words, FundCalendar(ZoneInfo("Africa/Nairobi")))


@pytest.fixture
def world(engine: Engine, sessions: sessionmaker[Session], vault: Vault, texts: Texts) -> World:
    clock = HandClock()
    calendar = FundCalendar(ZoneInfo("Africa/Nairobi"))
    pins = Pins(b"pepper-of-the-tests", pin_hasher(time_cost=1, memory_kib=8), clock)
    members = Members(vault, clock, pins, Policy(calendar))
    provider = Provider(engine)
    refusals: list[str] = []
    losses: list[str] = []
    sending = Sending(
        sessions,
        provider,
        members,
        vault,
        texts,
        clock,
        refused=lambda _, why: refusals.append(why),
        lost=lambda _, why: losses.append(why),
    )
    messages = Messages(members, vault, clock, calendar, notice_version="2026-11")
    return World(sessions, vault, members, messages, sending, provider, clock, refusals, losses)
