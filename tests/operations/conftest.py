"""Places to run servers and whole houses in."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy import Engine, make_url

from core.settings import Settings
from core.vault import Vault
from operations.backups.restoring import restore_backup
from operations.backups.taking import take_backup
from operations.free_port import two_free_ports
from tests.databases import connect, drop_database, empty, text_of
from tests.operations.living_house import live, quiet
from tests.servers import REPOSITORY, Servers

WAIT_SECONDS_MAX = 180.0
_SMALL_HOUSE = Path(__file__).parent / "small_house"
_NOBODY_TO_MEET = """
def meet(_settings: object) -> None:
    'A house without providers has nobody to be introduced to.'
"""
_NOT_INHERITED = ("DATABASE_URL", "REDIS_URL")


@pytest.fixture
def state() -> Iterator[Path]:
    """A directory that the servers' account may enter: pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="kibaba-state-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        yield Path(made)


def wait_until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not happened():
        assert time.monotonic() < deadline, f"waited for: {what}"
        time.sleep(0.05)


class House:
    """The launcher as it is, over rooms that do nothing, so that only the launcher is tested."""

    def __init__(self, tree: Path, state: Path) -> None:
        self.tree = tree
        self.state = state
        self.ports = two_free_ports()
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        ports = ("--port", str(self.ports[0]), "--sandbox-port", str(self.ports[1]))
        process = subprocess.Popen(
            [sys.executable, "-m", "operations.run", *ports, *arguments],
            cwd=self.tree,
            env={**inherited, "KIBABA_STATE": str(self.state), **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def refuse(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """What it says when it cannot start."""
        process = self.start(*arguments, env=env)
        said, _ = process.communicate(timeout=WAIT_SECONDS_MAX)
        assert process.returncode != 0, said
        return said

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.terminate()
                process.wait(WAIT_SECONDS_MAX)
            if process.stdout is not None:
                process.stdout.close()


def read_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    """Lines up to the one that ends with `wanted`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if lines[-1].endswith(wanted):
            return lines
    pytest.fail("it ended:\n" + "\n".join(lines))


def descendants(pid: int) -> set[int]:
    """Every process below `pid` now."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        try:
            children = (Path("/proc") / str(parent) / "task" / str(parent) / "children").read_text()
        except OSError:
            continue
        below = {int(child) for child in children.split()} - found
        found |= below
        waiting += below
    return found


def is_gone(pid: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def house(state: Path) -> Iterator[House]:
    tree = state / "tree"
    shutil.copytree(_SMALL_HOUSE, tree, ignore=shutil.ignore_patterns("__pycache__"))
    # Of money the launcher reads only the schemes: what currency, zone and wallets a country has.
    for room in ("operations", "core", "payments"):
        shutil.copytree(REPOSITORY / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "workers" / "crew.py", tree / "workers" / "crew.py")
    # No room stands behind the introduction here.
    (tree / "operations" / "introducing.py").write_text(_NOBODY_TO_MEET)
    house = House(tree, state / "var")
    yield house
    house.end()


@pytest.fixture
def no_orphans() -> Iterator[set[int]]:
    """Whatever is put in here is killed in the end, should the product have failed to."""
    pids: set[int] = set()
    yield pids
    for pid in pids:
        if not is_gone(pid):
            os.kill(pid, signal.SIGKILL)


class Operator:
    """Types `bin/kibaba …` on a state directory of their own."""

    def __init__(self, settings: Settings, state: Path) -> None:
        self.env = {
            **os.environ,
            "KIBABA_STATE": str(state),
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "REDIS_URL": settings.redis_url.get_secret_value(),
        }

    def types(
        self, *words: str, env: Mapping[str, str] | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "operations.cli", *words],
            cwd=REPOSITORY,
            env={**self.env, **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def operator(settings: Settings, tmp_path: Path) -> Operator:
    return Operator(settings, tmp_path / "state")


@pytest.fixture
def keys(settings: Settings) -> dict[str, str]:
    """The keys of `settings`, as an operator sets them."""
    return {
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "PII_KEYS": ",".join(key.get_secret_value() for key in settings.pii_keys),
        "INDEX_KEY": settings.index_key.get_secret_value(),
        "PIN_PEPPER": settings.pin_pepper.get_secret_value(),
    }


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def house_file(kept: Path, engine: Engine, vault: Vault, settings: Settings) -> Path:
    """A backup of a living house, made once; the database of the test is empty."""
    file = kept / "house.kibaba"
    if not file.exists():
        live(engine, vault, settings)
        take_backup(settings.database_url.get_secret_value(), file, quiet)
        empty(engine.url)
        engine.dispose()
    return file


@pytest.fixture
def living(house_file: Path, settings: Settings) -> str:
    """The address of the test's database, in which that house lives."""
    restore_backup(settings, house_file, quiet)
    return settings.database_url.get_secret_value()


@pytest.fixture
def empty_database(servers: Servers) -> Iterator[str]:
    """A database without a single table, as its owner sees it, who may do nothing else on the server."""
    server, password = make_url(servers.database_url), secrets.token_hex(8)
    name = f"kibaba_empty_{secrets.token_hex(6)}"
    owner = sql.Identifier(name)
    with connect(server) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(owner, password))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(owner, owner))
    yield text_of(server.set(database=name, username=name, password=password))
    drop_database(server, name)
    with connect(server) as connection:
        connection.execute(sql.SQL("DROP ROLE {}").format(owner))
