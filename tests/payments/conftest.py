"""Fixtures of the payment rooms."""

import pytest
from sqlalchemy import Engine

from tests.payments.world import World


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)
