"""Fixtures for every room: a clean database, a clean Redis, and settings that fit both."""

import os
import shutil
from collections.abc import Iterator

import pytest
import redis as redis_client
from hypothesis import settings as hypothesis
from sqlalchemy import Engine, make_url
from sqlalchemy.orm import Session, sessionmaker

from core.database import make_engine, make_sessions
from core.settings import Settings, load_settings
from core.vault import Vault
from tests.databases import drop_database, drop_template, empty, own_database, text_of
from tests.servers import Servers, numbered, run_directory, run_id, servers_of_this_run
from tests.shell import forget_settings

# Debian's redis-server offers sixteen.
REDIS_DATABASES = 16


# How long an example takes says something of the machine, nothing of the code.
hypothesis.register_profile("kibaba", deadline=None)
hypothesis.load_profile("kibaba")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--simulated-days",
        type=int,
        default=300,
        help="seeds of the simulation that are lived through (300)",
    )


def pytest_configure() -> None:
    """Forget the shell's settings; name the run before its workers start, so that they share its servers."""
    forget_settings()
    run_id()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What uses a server is a storage test, and is run again on the oldest supported servers."""
    for item in items:
        if "servers" in getattr(item, "fixturenames", ()):
            item.add_marker("storage")


def pytest_sessionfinish() -> None:
    """Leave nothing on a server that was there before us, nor in the temporary directory."""
    if "PYTEST_XDIST_WORKER" in os.environ or not run_directory().exists():
        return
    if server := os.environ.get("DATABASE_URL"):
        drop_template(server)
    if not (run_directory() / "servers.json").exists():
        shutil.rmtree(run_directory())


@pytest.fixture(scope="session")
def servers() -> Servers:
    """The servers of this run: DATABASE_URL and REDIS_URL, else embedded ones."""
    return servers_of_this_run()


@pytest.fixture(scope="session")
def vault() -> Vault:
    """The vault that fits `settings`."""
    return Vault([b"pii-key-of-the-tests-0123456789abcdef"], b"index-key-of-the-tests-0123456789abcdef")


@pytest.fixture(scope="session")
def own_database_url(servers: Servers, vault: Vault) -> Iterator[str]:
    server = make_url(servers.database_url)
    own = own_database(server, vault)
    yield text_of(own)
    drop_database(server, own.database or "")


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """A database with all tables and no rows, for this test alone."""
    empty(make_url(own_database_url))
    return own_database_url


@pytest.fixture
def engine(database_url: str, vault: Vault) -> Iterator[Engine]:
    engine = make_engine(database_url, vault)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    """`with sessions.begin() as session:` commits for real; every test starts from empty tables."""
    return make_sessions(engine)


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """A Redis database of this process, empty."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    url = numbered(servers.redis_url, int(worker) % REDIS_DATABASES)
    with redis_client.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def redis(redis_url: str) -> Iterator["redis_client.Redis"]:
    with redis_client.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    """Valid sandbox settings for the clean servers of this test. Providers point at a port that is closed."""
    nowhere = "http://127.0.0.1:9"
    return load_settings(
        _env_file=None,
        database_url=database_url,
        redis_url=redis_url,
        secret_key="secret-key-of-the-tests-0123456789abcdef",
        pii_keys=["pii-key-of-the-tests-0123456789abcdef"],
        index_key="index-key-of-the-tests-0123456789abcdef",
        pin_pepper="pin-pepper-of-the-tests-0123456789abcdef",
        hook_token="dev",
        at_username="sandbox",
        at_api_key="sandbox-at-key",
        at_url=f"{nowhere}/africastalking",
        mpesa_url=f"{nowhere}/daraja",
        mpesa_consumer_key="sandbox-key",
        mpesa_consumer_secret="sandbox-secret",
        mpesa_shortcode="174379",
        mpesa_passkey="sandbox-passkey",
        fund_registry_url=f"{nowhere}/fund",
        fund_registry_client_id="kibaba",
        fund_registry_client_secret="sandbox-registry-secret",
        civil_registry_url=f"{nowhere}/civil",
        civil_registry_client_id="kibaba",
        civil_registry_client_secret="sandbox-registry-secret",
    )
