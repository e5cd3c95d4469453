"""The embedded servers: they keep what they were given, whatever happens to them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis as redis_client
from sqlalchemy import make_url

from operations.embedded import EmbeddedError, Postgres, Valkey, choose_places, running
from operations.embedded import places as places_module
from operations.embedded.account import Account, may_enter
from operations.embedded.places import SOCKET_PATH_BYTES_MAX

NOBODY = 65534
HOLDER = """
import sys, time
from pathlib import Path
from operations.embedded import Postgres, Valkey, choose_places, running
places = choose_places(Path(sys.argv[1]))
with running((Postgres(places), Valkey(places)), Path(sys.argv[1]) / "log"):
    print("up", flush=True)
    time.sleep(600)
"""


def sql(url: str, statement: str) -> list[tuple[object, ...]]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_a_restart_keeps_all_data(state: Path) -> None:
    for round_number in range(2):
        places = choose_places(state)
        postgres, valkey = Postgres(places), Valkey(places)
        with running((postgres, valkey), state / "log"), redis_client.Redis.from_url(valkey.url) as redis:
            if round_number == 0:
                sql(postgres.url, "CREATE TABLE kept AS SELECT 'mshahara' AS word")
                redis.set("kept", "mshahara")
            assert sql(postgres.url, "SELECT word FROM kept") == [("mshahara",)]
            assert redis.get("kept") == b"mshahara"


def test_killed_servers_come_back_with_what_was_committed(state: Path) -> None:
    places = choose_places(state)
    postgres, valkey = Postgres(places), Valkey(places)
    with running((postgres, valkey), state / "log"), redis_client.Redis.from_url(valkey.url) as redis:
        sql(postgres.url, "CREATE TABLE kept AS SELECT 1 AS one")
        redis.set("kept", "1")
        redis.config_set("appendfsync", "always")
        redis.set("also", "1")
        os.kill(int(redis.info("server")["process_id"]), signal.SIGKILL)
        os.kill(int((postgres.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    with running((postgres, valkey), state / "log"), redis_client.Redis.from_url(valkey.url) as redis:
        assert sql(postgres.url, "SELECT one FROM kept") == [(1,)]
        assert redis.get("also") == b"1"


def test_the_pid_of_a_stranger_in_the_pid_file_does_not_matter(state: Path) -> None:
    postgres = Postgres(choose_places(state))
    with running((postgres,), state / "log"):
        pass
    (postgres.data / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.data}\n")
    with running((postgres,), state / "log"):
        assert postgres.is_ready()


def test_servers_listen_on_unix_sockets_only(state: Path) -> None:
    places = choose_places(state)
    postgres, valkey = Postgres(places), Valkey(places)
    with running((postgres, valkey), state / "log"), redis_client.Redis.from_url(valkey.url) as redis:
        assert sql(postgres.url, "SHOW listen_addresses") == [("",)]
        assert redis.config_get("port") == {"port": "0"}
        assert sql(postgres.url, "SHOW fsync") == [("on",)]
    assert places.sockets.stat().st_mode & 0o777 == 0o700
    assert postgres.data.stat().st_mode & 0o777 == 0o700


def test_a_long_path_gets_its_sockets_elsewhere(state: Path) -> None:
    deep = state / ("mrefu-" * 20)
    places = choose_places(deep)
    assert len(os.fsencode(places.sockets)) < SOCKET_PATH_BYTES_MAX
    valkey = Valkey(places)
    with running((valkey,), state / "log"):
        assert valkey.is_ready()
    places.sockets.rmdir()


def test_servers_end_when_their_starter_is_killed(state: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(state)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        postgres = Postgres(choose_places(state))
        pid = int((postgres.data / "postmaster.pid").read_text().split()[0])
        holder.kill()
    deadline = time.monotonic() + 30
    while (Path("/proc") / str(pid)).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_that_outlived_its_starter_is_replaced(state: Path) -> None:
    places = choose_places(state)
    valkey = Valkey(places)
    with running((valkey,), state / "log"), redis_client.Redis.from_url(valkey.url) as first:
        first.set("kept", "1")
        with running((valkey,), state / "log"), redis_client.Redis.from_url(valkey.url) as second:
            assert second.get("kept") == b"1"


def test_data_that_cannot_be_made_is_one_sentence(state: Path) -> None:
    places = choose_places(state)
    (places.home / "postgres").write_text("a file where a directory belongs")
    with pytest.raises((EmbeddedError, NotADirectoryError)):
        Postgres(places).prepare()


def test_a_closed_home_is_noticed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    inner = closed / "state"
    inner.mkdir(parents=True)
    closed.chmod(0o700)
    assert not may_enter(inner, Account(NOBODY, NOBODY))


def test_data_whose_door_was_closed_are_not_replaced_by_empty_ones(state: Path) -> None:
    closed = state / "closed"
    home = choose_places(closed).home
    (home / "postgres").mkdir()
    closed.chmod(0o700)
    if os.geteuid() == 0:
        with pytest.raises(EmbeddedError, match="open it again"):
            choose_places(closed)
    else:
        assert choose_places(closed).home == home


def test_a_state_that_is_moved_finds_its_data_and_a_copy_takes_nobody_elses(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places_module, "SYSTEM_HOME", state / "system")
    monkeypatch.setattr(places_module, "may_enter", lambda *_: False)
    monkeypatch.setattr(places_module, "server_account", lambda _: Account(os.geteuid(), os.getegid()))
    first, moved, copied = state / "first", state / "moved", state / "copied"
    home = choose_places(first).home
    assert home.is_relative_to(state / "system")
    first.rename(moved)
    assert choose_places(moved).home == home
    shutil.copytree(moved, copied)
    assert choose_places(copied).home != home
    assert choose_places(moved).home == home


def test_an_ordinary_user_can_run_them(state: Path) -> None:
    mine = state / "mine"
    mine.mkdir()
    code = HOLDER.replace("time.sleep(600)", "print(places.account)")
    if os.geteuid() == 0:
        os.chown(mine, NOBODY, NOBODY)
        # The interpreter may lie where this user cannot go, so the change comes after the imports.
        become = f"import os, secrets\nos.setgroups([])\nos.setgid({NOBODY})\nos.setuid({NOBODY})\n"
        code = code.replace("places =", f"{become}places =")
    done = subprocess.run(
        [sys.executable, "-c", code, str(mine)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("up\nNone\n", 0), done.stderr
