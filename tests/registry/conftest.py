"""Fixtures of the registry room: a connection, clients with a still clock, and a registry by script."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import responses

from core.settings import Settings
from core.shared_token import LocalTokenCache
from registry.client import DciClient
from registry.connection import Connection
from registry.keys import SigningKey
from sandbox.testing import running_sandbox
from tests.registry.callback_receiver import Receiver, receiving
from tests.registry.dci_world import DciWorld, Partner, a_world
from tests.registry.registry_replies import CLOCK, ScriptedRegistry, a_connection


@pytest.fixture
def connection() -> Connection:
    return a_connection()


@pytest.fixture
def signing_key() -> SigningKey:
    return SigningKey.derived(b"secret-of-the-tests", "tests")


@pytest.fixture
def registry() -> Iterator[ScriptedRegistry]:
    """A registry at the address of `a_connection`, answering by script."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield ScriptedRegistry(wire)


@pytest.fixture
def open_client() -> Iterator[Callable[..., DciClient]]:
    """Opens clients with a still clock, and closes them."""
    opened: list[DciClient] = []

    def open_one(connection: Connection, signing_key: SigningKey | None = None) -> DciClient:
        client = DciClient.open(connection, LocalTokenCache(), signing_key=signing_key, clock=CLOCK)
        opened.append(client)
        return client

    yield open_one
    for client in opened:
        client.close()


@pytest.fixture
def client(connection: Connection, open_client: Callable[..., DciClient]) -> DciClient:
    return open_client(connection)


@pytest.fixture(scope="module")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real sandbox for the tests of one module."""
    state: Path = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(state) as url:
        yield url


@pytest.fixture
def world(settings: Settings) -> Iterator[DciWorld]:
    """Our own DCI server on clean servers."""
    world = a_world(settings)
    yield world
    world.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """The web server of a partner."""
    with receiving() as one:
        yield one


@pytest.fixture
def partner(world: DciWorld, receiver: Receiver) -> Partner:
    """Somebody who may do everything and is called at `receiver`."""
    return world.partner(callback_base=receiver.url)
