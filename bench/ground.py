"""The PostgreSQL and the Redis that all measured servers share: embedded, on a state of their own."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from redis import Redis

from bench.processes import BenchError
from operations.embedded import Places, Postgres, Valkey, choose_places, running
from operations.free_port import free_port


class _ListeningValkey(Valkey):
    """The embedded Valkey, on a TCP port of the loopback too: not every peer knows unix sockets."""

    def __init__(self, places: Places, port: int) -> None:
        super().__init__(places, durable=False)
        self.port = port

    @property
    def argv(self) -> list[str]:
        return [*super().argv, "--port", str(self.port), "--bind", "127.0.0.1"]


@dataclass(frozen=True, slots=True)
class Ground:
    """Addresses and process ids of the two servers."""

    postgres: Postgres
    redis_port: int
    postgres_pid: int
    redis_pid: int

    def redis_url(self, number: int) -> str:
        return f"redis://127.0.0.1:{self.redis_port}/{number}"

    def redis(self, number: int) -> Redis:
        return Redis(host="127.0.0.1", port=self.redis_port, db=number)

    def admin(self) -> psycopg.Connection:
        """A connection that commits each statement and may make databases."""
        url = self.postgres.url_of("postgres").replace("postgresql+psycopg", "postgresql")
        return psycopg.connect(url, autocommit=True)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchError("another benchmark is running; wait for it") from None
        yield


@contextmanager
def ground(state: Path, *, durable: bool = False) -> Iterator[Ground]:
    """Run both servers until the block ends. What is in the database stays for the next run.

    `durable`: PostgreSQL waits for the disk at each commit, as in production.

    Raises BenchError when another benchmark uses them: neither would measure anything.
    """
    places = choose_places(state)
    port = free_port()
    postgres, valkey = Postgres(places, durable=durable), _ListeningValkey(places, port)
    with _alone(state), running([postgres, valkey], state / "log"):
        with Redis(host="127.0.0.1", port=port) as client:
            redis_pid = int(client.info("server")["process_id"])
        postgres_pid = int((postgres.data / "postmaster.pid").read_text().split("\n", 1)[0])
        yield Ground(postgres, port, postgres_pid, redis_pid)
