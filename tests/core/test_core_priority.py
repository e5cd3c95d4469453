"""What works in the background gives way, and PostgreSQL with it; nothing else is touched."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url
from sqlalchemy.engine import URL

from tests.databases import text_of
from tests.servers import REPOSITORY

OURS = os.getpriority(os.PRIO_PROCESS, 0)
_KEY = "key-of-this-test-0123456789-0123456789"
# Prints its own niceness and that of the process which serves it, each with its session's.
_PROGRAM = f"""
import os, sys
from pathlib import Path
from core.database import make_engine
from core.priority import give_way
from core.vault import Vault

if sys.argv[2] == "job":
    give_way()

def of(pid):
    group = Path(f"/proc/{{pid}}/autogroup")
    session = group.read_text().split()[-1] if group.exists() else "-"
    return f"{{os.getpriority(os.PRIO_PROCESS, pid)}} {{session}}"

with make_engine(sys.argv[1], Vault([b"{_KEY}"], b"{_KEY}")).connect() as connection:
    served_by = connection.connection.driver_connection.info.backend_pid
    print(of(os.getpid()), of(served_by))
"""


def _niceness(database_url: str, kind: str) -> tuple[list[str], list[str]]:
    """Of a process of this kind and of the one that serves it: niceness, and that of the session or `-`."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, database_url, kind],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    words = done.stdout.split()
    return words[:2], words[2:]


def test_postgres_gives_way_for_a_job(database_url: str) -> None:
    own, backend = _niceness(database_url, "job")
    assert int(own[0]) == min(OURS + 10, 19)
    assert own[1] in (own[0], "-")
    assert backend == own


def test_postgres_serves_a_caller_as_before(database_url: str) -> None:
    own, backend = _niceness(database_url, "call")
    assert int(own[0]) == int(backend[0]) == OURS


def test_a_session_of_others_is_left_alone() -> None:
    def session() -> str:
        group = Path("/proc/self/autogroup")
        return group.read_text() if group.exists() else "-"

    before = session()
    give_way = "from core.priority import give_way; give_way()"
    subprocess.run([sys.executable, "-c", give_way], cwd=REPOSITORY, check=True)
    assert session() == before


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
def test_whoever_a_tunnel_hides_is_left_alone(
    family: socket.AddressFamily, database_url: str, tmp_path: Path
) -> None:
    # The number that comes through it is of another machine as far as one can tell.
    with _tunnel(make_url(database_url), family, tmp_path) as through:
        own, backend = _niceness(through, "job")
    assert int(own[0]) == min(OURS + 10, 19)
    assert int(backend[0]) == OURS


@contextmanager
def _tunnel(target: URL, family: socket.AddressFamily, directory: Path) -> Iterator[str]:
    """One connection to `target` by way of this process; yields the address."""
    port = target.port or 5432
    host = target.host or str(target.query["host"])
    with socket.socket(family) as listener, socket.socket(_family(host)) as server:
        if family == socket.AF_UNIX:
            listener.bind(str(directory / f".s.PGSQL.{port}"))
            address = target.set(host=None, query={"host": str(directory)})
        else:
            listener.bind(("127.0.0.1", 0))
            address = target.set(host="127.0.0.1", port=listener.getsockname()[1], query={})
        listener.listen()
        server.connect(f"{host}/.s.PGSQL.{port}" if server.family == socket.AF_UNIX else (host, port))

        def carry() -> None:
            client, _ = listener.accept()
            with client:
                back = threading.Thread(target=_copy, args=(server, client))
                back.start()
                _copy(client, server)
                back.join()

        carrier = threading.Thread(target=carry)
        carrier.start()
        yield text_of(address)
        carrier.join()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_UNIX if host.startswith("/") else socket.AF_INET


def _copy(source: socket.socket, target: socket.socket) -> None:
    while arrived := source.recv(65_536):
        target.sendall(arrived)
    target.shutdown(socket.SHUT_WR)
