"""The servers and settings of a command: those of a running `bin/run`, configured ones, or our own."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from core.settings import Settings, load_settings
from operations.embedded import Postgres, Valkey, choose_places, running
from operations.environment import complete, configured, is_production, lower_case, read_file
from operations.migrate import migrate
from operations.state import State, state_from_environment
from operations.trouble import TroubleError

# Two commands may each want to start the embedded servers: the second waits for the first to finish.
WAIT_SECONDS_MAX = 60.0
WEB_URL = "http://127.0.0.1:8000"
SANDBOX_URL = "http://127.0.0.1:8001"


@contextmanager
def environment(*, even_without_servers: bool = False) -> Iterator[dict[str, str]]:
    """Every setting, with servers that answer. Explicit settings win over those of a running `bin/run`.

    `even_without_servers`: in production also when their addresses are missing.
    """
    state = state_from_environment()
    env = described(state)
    is_complete = "DATABASE_URL" in env and "REDIS_URL" in env
    if is_complete or (even_without_servers and is_production(env)):
        yield env
        return
    if is_production(env):
        raise TroubleError("KIBABA_ENV=production needs DATABASE_URL and REDIS_URL")
    with _embedded(state, env) as env_with_servers:
        yield env_with_servers


@contextmanager
def settings() -> Iterator[Settings]:
    """The settings, with servers that answer. Raises BadSettings."""
    with environment() as env:
        yield load_settings(_env_file=None, **lower_case(env))


def described(state: State) -> dict[str, str]:
    """What is known without starting anything; the addresses of the servers may be missing."""
    if state.is_held() and state.run_file.exists():
        return read_file(state.run_file) | configured()
    sandbox_url = None if is_production(configured()) else SANDBOX_URL
    return complete(state, web_url=WEB_URL, sandbox_url=sandbox_url)


@contextmanager
def _embedded(state: State, env: dict[str, str]) -> Iterator[dict[str, str]]:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while (lock := state.hold()) is None:
        if state.run_file.exists():
            yield read_file(state.run_file) | configured()
            return
        if time.monotonic() > deadline:
            raise TroubleError(f"another command holds {state.root}")
        time.sleep(0.2)
    with open(lock, "rb"):  # noqa: PTH123 - a descriptor, not a path: it closes, and so frees, the lock.
        places = choose_places(state.root)
        postgres, valkey = Postgres(places), Valkey(places)
        servers = [
            server for name, server in (("DATABASE_URL", postgres), ("REDIS_URL", valkey)) if name not in env
        ]
        with running(servers, state.logs) if servers else nullcontext():
            own = {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url} | env
            if "DATABASE_URL" not in env:
                migrate(own["DATABASE_URL"])
            yield own
