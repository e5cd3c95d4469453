"""A server under measurement, and one round of load on it."""

import gc
from collections.abc import Sequence
from dataclasses import dataclass

from bench.cores import NOTHING, Used, used_by
from bench.ground import Ground
from bench.load import Dialog, Outcome, drive


@dataclass(frozen=True, slots=True)
class Measured:
    """Where a server answers, which process tree it is, and which Redis database holds its sessions."""

    name: str
    port: int
    path: str
    pid: int
    redis_number: int


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of load cost: processor time of the server's own processes, and of both stores."""

    server: Used
    redis: Used
    postgres: Used
    outcome: Outcome

    @property
    def server_us(self) -> float:
        return self._per_hop(self.server.seconds)

    @property
    def user_us(self) -> float:
        return self._per_hop(self.server.user_seconds)

    @property
    def redis_us(self) -> float:
        return self._per_hop(self.redis.seconds)

    @property
    def postgres_us(self) -> float:
        return self._per_hop(self.postgres.seconds)

    @property
    def all_us(self) -> float:
        return self.server_us + self.redis_us + self.postgres_us

    @staticmethod
    def of(slices: "Sequence[Round]") -> "Round":
        """Slices of one round as a whole."""
        return Round(
            sum((each.server for each in slices), NOTHING),
            sum((each.redis for each in slices), NOTHING),
            sum((each.postgres for each in slices), NOTHING),
            Outcome(
                sum(each.outcome.hops for each in slices),
                sum(each.outcome.seconds for each in slices),
                [latency for each in slices for latency in each.outcome.latencies],
            ),
        )

    def _per_hop(self, seconds: float) -> float:
        return 1e6 * seconds / self.outcome.hops


def run_round(ground: Ground, server: Measured, dialogs: Sequence[Dialog], connections: int) -> Round:
    """One round from an empty session store. Raises WrongAnswerError."""
    with ground.redis(server.redis_number) as client:
        client.flushdb()
    pids = (server.pid, ground.redis_pid, ground.postgres_pid)
    gc.collect()
    before = [used_by(pid) for pid in pids]
    outcome = drive(server.port, dialogs, connections)
    used = [used_by(pid).since(earlier) for pid, earlier in zip(pids, before, strict=True)]
    return Round(used[0], used[1], used[2], outcome)
