"""The embedded PostgreSQL: its data directory, its command line, its readiness."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

from operations.embedded.account import Account
from operations.embedded.binaries import EmbeddedError, readable_by
from operations.embedded.places import Places, own_directory

STOP_SECONDS_MAX = 10.0
SERVER_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
# Who asks works too: with two more processes on two cores, a large join takes a fifth longer than with one.
_HELPERS_MAX = 2
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "jit": "off",
    "max_parallel_workers_per_gather": str(max(1, min(_HELPERS_MAX, (os.cpu_count() or 1) - 1))),
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For tests only: a crash may lose everything, which a test database does not mind.
FORGETFUL_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """PostgreSQL in `<home>/postgres`, reached through a unix socket by the trusted user `postgres`.

    Trust is right here because only the owner of the socket directory can knock.
    """

    name = "postgres"
    # Fast shutdown. SIGTERM would wait until the last client leaves.
    stop_signal = signal.SIGINT

    def __init__(self, places: Places, *, database: str = "kibaba", durable: bool = True) -> None:
        self.account: Account | None = places.account
        self.data: Path = places.home / "postgres"
        self.database = database
        self._sockets = places.sockets
        self._bin = readable_by(places.account, places.home).postgres_bin
        self._settings = SETTINGS if durable else SETTINGS | FORGETFUL_SETTINGS

    @property
    def url(self) -> str:
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={quote(str(self._sockets), safe='/')}"

    @property
    def argv(self) -> list[str]:
        argv = [str(self._bin / "postgres"), "-D", str(self.data), "-k", str(self._sockets)]
        for name, value in self._settings.items():
            argv += ["-c", f"{name}={value}"]
        return argv

    def prepare(self) -> None:
        if self.data.exists():
            self._clear_leftovers()
        else:
            self._initialise()

    def is_ready(self) -> bool:
        """Whether it answers; creates the database on the first answer."""
        try:
            with psycopg.connect(
                host=str(self._sockets),
                user="postgres",
                dbname="postgres",
                autocommit=True,
                connect_timeout=2,
            ) as connection:
                found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (self.database,))
                if found.fetchone() is None:
                    name = psycopg.sql.Identifier(self.database)
                    connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(name))
        except psycopg.OperationalError:
            return False
        return True

    def _initialise(self) -> None:
        # Made beside its place and renamed, so that a half-made cluster is never taken for one.
        unfinished = self.data.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        own_directory(unfinished, self.account)
        command = [str(self._bin / "initdb"), "-D", str(unfinished), "-U", "postgres", "-A", "trust"]
        command += ["-E", "UTF8", "--no-locale", "--no-instructions"]
        if self._settings.get("fsync") == "off":
            command.append("--no-sync")
        done = subprocess.run(
            command,
            cwd=unfinished,
            env=SERVER_ENV,
            capture_output=True,
            check=False,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
        )
        if done.returncode != 0:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
            reason = next((line for line in lines if "error" in line.lower()), lines[-1])
            shutil.rmtree(unfinished, ignore_errors=True)
            raise EmbeddedError(f"PostgreSQL could not make its data directory {self.data}: {reason}")
        unfinished.rename(self.data)

    def _clear_leftovers(self) -> None:
        """End a server that outlived its launcher; remove the pid file of one that did not.

        PostgreSQL itself would refuse to start when the old pid now belongs to any process of its account.
        """
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except PermissionError as error:
            raise EmbeddedError(f"{self.data} belongs to another user; start as that user") from error
        except (FileNotFoundError, ValueError):
            pid_file.unlink(missing_ok=True)
            return
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while _serves(pid, self.data):
            if time.monotonic() > deadline:
                raise EmbeddedError(f"another PostgreSQL (process {pid}) still uses {self.data}")
            os.kill(pid, self.stop_signal)
            time.sleep(0.1)
        pid_file.unlink(missing_ok=True)


def _serves(pid: int, data: Path) -> bool:
    """Whether process `pid` is a server on `data`, which postgres has as its current directory."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
    except OSError:
        return False
