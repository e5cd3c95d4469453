"""The servers of a test run: those of DATABASE_URL and REDIS_URL, else one embedded pair for it."""

import fcntl
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parent.parent
START_SECONDS_MAX = 120.0


@dataclass(frozen=True)
class Servers:
    """Addresses as SQLAlchemy and redis-py take them; the database user is a superuser."""

    database_url: str
    redis_url: str


def run_id() -> str:
    """The same in every process of one test run, different for each run."""
    # Set by the first process of the run; those that it starts inherit it.
    return os.environ.setdefault("KIBABA_TEST_RUN", secrets.token_hex(5))


def run_directory() -> Path:
    return Path(tempfile.gettempdir()) / f"kibaba-tests-{os.geteuid()}-{run_id()}"


@contextmanager
def run_lock() -> Iterator[None]:
    """Only one process of the test run at a time."""
    run_directory().mkdir(parents=True, exist_ok=True)
    with (run_directory() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def servers_of_this_run() -> Servers:
    database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    if database_url and redis_url:
        return Servers(database_url, redis_url)
    with run_lock():
        addresses = _embedded()
    return Servers(database_url or addresses["database_url"], redis_url or addresses["redis_url"])


def numbered(redis_url: str, number: int) -> str:
    """`redis_url` with another database number."""
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}?db={number}"
    return parts._replace(path=f"/{number}").geturl()


def _embedded() -> dict[str, str]:
    state = run_directory()
    found = state / "servers.json"
    if not found.exists():
        _start_keeper(state, found)
    addresses: dict[str, str] = json.loads(found.read_text())
    return addresses


def _start_keeper(state: Path, found: Path) -> None:
    # Under xdist the controller outlives its workers, so the servers follow the controller.
    watched = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    command = [sys.executable, "-m", "operations.embedded.keeper", "--state", str(state)]
    log = state / "keeper.log"
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [*command, "--while-process", str(watched)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS_MAX
    while not found.exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the embedded servers did not start:\n{log.read_text()}")
        time.sleep(0.02)
    # It ends by itself, after us: Popen would warn about a child that was never waited for.
    keeper.returncode = 0
