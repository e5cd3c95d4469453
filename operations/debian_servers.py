"""Runs a command on Debian's own PostgreSQL and Redis: `python -m operations.debian_servers COMMAND…`.

They are the oldest servers we support. Programs only: their data, sockets and ports are ours, in a directory
that is removed afterwards, and no server that the system runs is touched.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from operations.embedded.account import Account, server_account
from operations.embedded.places import own_directory
from operations.embedded.postgres import FORGETFUL_SETTINGS, SERVER_ENV
from operations.embedded.spawn import spawn
from operations.free_port import two_free_ports
from operations.outside_servers import check_database, check_redis
from operations.trouble import TroubleError

START_SECONDS_MAX = 30.0
_PACKAGES = ("postgresql-15", "redis-server")
_POSTGRES_BIN = Path("/usr/lib/postgresql/15/bin")
_REDIS_SERVER = Path("/usr/bin/redis-server")


def main() -> int:
    try:
        _install_when_missing()
    except TroubleError as error:
        print(f"bin/test: {error}", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kibaba-debian-")))
        home.chmod(0o755)
        account = server_account(home / "postgres")
        ports = two_free_ports()
        addresses = {
            "DATABASE_URL": f"postgresql+psycopg://postgres@127.0.0.1:{ports[0]}/postgres",
            "REDIS_URL": f"redis://127.0.0.1:{ports[1]}/0",
        }
        stack.callback(_stop, _start_postgres(home / "postgres", ports[0], account), signal.SIGINT)
        stack.callback(_stop, _start_redis(home / "redis", ports[1], account), signal.SIGTERM)
        _wait(addresses)
        return subprocess.run(sys.argv[1:], env=os.environ | addresses, check=False).returncode


def _install_when_missing() -> None:
    if _POSTGRES_BIN.is_dir() and _REDIS_SERVER.exists():
        return
    if os.geteuid() != 0:
        raise TroubleError(f"type: sudo apt-get install {' '.join(_PACKAGES)}")
    print("installing", *_PACKAGES, flush=True)
    # Debian starts what it installs and makes a cluster; neither is wanted here.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        for command in (("update", "-qq"), ("install", "-y", "-qq", "--no-install-recommends", *_PACKAGES)):
            done = subprocess.run(["apt-get", *command], env=env, capture_output=True, check=False)
            if done.returncode != 0:
                reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[
                    -1
                ]
                raise TroubleError(f"apt-get could not install {' '.join(_PACKAGES)}: {reason}")
    finally:
        if ours:
            policy.unlink()


def _start_postgres(data: Path, port: int, account: Account | None) -> subprocess.Popen[bytes]:
    own_directory(data, account)
    subprocess.run(
        [
            _POSTGRES_BIN / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
        ],
        check=True,
        cwd=data,
        env=SERVER_ENV,
        stdout=subprocess.DEVNULL,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "max_connections": "200",
        **FORGETFUL_SETTINGS,
    }
    argv = [str(_POSTGRES_BIN / "postgres"), "-D", str(data), "-k", str(data)]
    for name, value in settings.items():
        argv += ["-c", f"{name}={value}"]
    with (data / "server.log").open("wb") as log:
        return spawn(argv, cwd=data, env=SERVER_ENV, output=log, account=account, death_signal=signal.SIGINT)


def _start_redis(data: Path, port: int, account: Account | None) -> subprocess.Popen[bytes]:
    own_directory(data, account)
    argv = [str(_REDIS_SERVER), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(data), "--save", ""]
    with (data / "server.log").open("wb") as log:
        return spawn(argv, cwd=data, env=SERVER_ENV, output=log, account=account)


def _wait(addresses: dict[str, str]) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            check_database(addresses["DATABASE_URL"])
            check_redis(addresses["REDIS_URL"])
        except TroubleError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _stop(server: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    server.send_signal(stop_signal)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
