"""The embedded Valkey: its data directory, its command line, its readiness."""

import signal
import time
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from operations.embedded.account import Account
from operations.embedded.binaries import EmbeddedError, readable_by
from operations.embedded.places import Places, own_directory

STOP_SECONDS_MAX = 10.0


class Valkey:
    """Valkey in `<home>/valkey` with an append-only file, reached through a unix socket."""

    name = "valkey"
    stop_signal = signal.SIGTERM

    def __init__(self, places: Places, *, durable: bool = True) -> None:
        self.account: Account | None = places.account
        self.data: Path = places.home / "valkey"
        self._socket = places.sockets / "valkey.sock"
        self._server = readable_by(places.account, places.home).valkey_server
        self._durable = durable

    @property
    def url(self) -> str:
        return self.url_of(0)

    def url_of(self, number: int) -> str:
        return f"unix://{quote(str(self._socket), safe='/')}?db={number}"

    @property
    def argv(self) -> list[str]:
        argv = [
            str(self._server),
            "--port",
            "0",
            "--unixsocket",
            str(self._socket),
            "--unixsocketperm",
            "700",
        ]
        argv += ["--dir", str(self.data), "--appendonly", "yes" if self._durable else "no", "--save", ""]
        # Sessions and jobs must not be thrown away to make room: an error is better than a silent loss.
        argv += ["--maxmemory-policy", "noeviction", "--databases", "64", "--daemonize", "no"]
        return argv

    def prepare(self) -> None:
        own_directory(self.data, self.account)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        # A server that outlived its launcher would write the same append-only file.
        while self.is_ready():
            if time.monotonic() > deadline:
                raise EmbeddedError(f"another Valkey still uses {self.data}")
            self._shut_down()
            time.sleep(0.1)
        self._socket.unlink(missing_ok=True)

    def is_ready(self) -> bool:
        try:
            with self._client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _shut_down(self) -> None:
        with self._client() as client:
            try:
                client.shutdown()
            except redis.RedisError:
                return

    def _client(self) -> redis.Redis:
        # The client's own retries would turn "not there" into three seconds of waiting.
        return redis.Redis(unix_socket_path=str(self._socket), socket_timeout=2, retry=Retry(NoBackoff(), 0))
