"""A circuit per connection: after failures in a row nothing is sent for a while, then one call tries again.

Shared through Redis, so that every worker knows; without Redis each process knows for itself.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from redis import Redis
from redis.exceptions import RedisError

# The connections that there are; each has a circuit of its own.
CONNECTIONS = ("fund", "civil")
FAILURES_MAX = 5
_OPEN_SECONDS = 15.0
_OPEN_SECONDS_MAX = 300.0
_PROBE_SECONDS = 30
_KEPT_SECONDS = 3600

_log = logging.getLogger(__name__)


class Circuit(StrEnum):
    """CLOSED: calls are made. OPEN: none is. HALF_OPEN: the pause is over, and one call tries."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class CircuitState:
    """How a connection stands. `since`: when it went down, in seconds of the clock; None while it is up.

    `next_try_at`: when the next call may be made, while none is.
    """

    circuit: Circuit
    failures: int = 0
    since: float | None = None
    next_try_at: float | None = None


@dataclass(slots=True)
class _Standing:
    failures: int = 0
    open_until: float = 0.0
    down_since: float = 0.0


class Breaker:
    """`wait_seconds` before a call, then `succeeded` or `failed` after it. May be shared by threads."""

    def __init__(
        self, name: str, redis: Redis | None = None, *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self.name = name
        self._redis = redis
        self._wall_clock = wall_clock
        self._local = _Standing()
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether the connection counts as down: until a call has succeeded again."""
        return self._read().failures >= FAILURES_MAX

    def state(self) -> CircuitState:
        """How it stands now; asking changes nothing and takes nobody's probe."""
        standing = self._read()
        if standing.failures < FAILURES_MAX:
            return CircuitState(Circuit.CLOSED, standing.failures)
        since = standing.down_since or None
        if standing.open_until > self._wall_clock():
            return CircuitState(Circuit.OPEN, standing.failures, since, standing.open_until)
        return CircuitState(Circuit.HALF_OPEN, standing.failures, since)

    def wait_seconds(self) -> int:
        """0 when a call may be made. After the pause one call may, as a probe, while the others wait on."""
        standing, now = self._read(), self._wall_clock()
        if standing.failures < FAILURES_MAX:
            return 0
        if standing.open_until > now:
            return max(1, math.ceil(standing.open_until - now))
        return 0 if self._may_probe(now) else _PROBE_SECONDS

    def succeeded(self) -> None:
        """A call was answered: the circuit is closed."""
        standing = self._read()
        if not standing.failures:
            return
        if standing.failures >= FAILURES_MAX:
            _log.warning("registry=%s circuit=closed", self.name)
        self._write(_Standing())

    def failed(self, retry_seconds: float | None = None) -> None:
        """A call was not answered. `retry_seconds`: the other side itself asked to be left alone so long."""
        now, standing = self._wall_clock(), self._read()
        failures = max(standing.failures + 1, FAILURES_MAX if retry_seconds else 0)
        pause = min(_OPEN_SECONDS_MAX, _OPEN_SECONDS * 2 ** min(10, max(0, failures - FAILURES_MAX)))
        if failures >= FAILURES_MAX and standing.failures < FAILURES_MAX:
            _log.warning("registry=%s circuit=open seconds=%d", self.name, retry_seconds or pause)
        goes_down = failures >= FAILURES_MAX > standing.failures
        down_since = now if goes_down else standing.down_since
        self._write(_Standing(failures, now + (retry_seconds or pause), down_since))

    def _may_probe(self, now: float) -> bool:
        if self._redis is not None:
            try:
                return bool(self._redis.set(f"circuit:{self.name}:probe", "1", nx=True, ex=_PROBE_SECONDS))
            except RedisError:
                pass
        with self._lock:
            # Whoever comes next waits for this probe, and no longer than it may take.
            self._local.open_until = now + _PROBE_SECONDS
        return True

    def _read(self) -> _Standing:
        if self._redis is not None:
            try:
                found = self._redis.hmget(f"circuit:{self.name}", ["failures", "open_until", "down_since"])
                return _Standing(int(found[0] or 0), float(found[1] or 0.0), float(found[2] or 0.0))
            except RedisError:
                pass
        with self._lock:
            return _Standing(self._local.failures, self._local.open_until, self._local.down_since)

    def _write(self, standing: _Standing) -> None:
        if self._redis is not None:
            key = f"circuit:{self.name}"
            values = {
                "failures": standing.failures,
                "open_until": standing.open_until,
                "down_since": standing.down_since,
            }
            try:
                with self._redis.pipeline() as pipe:
                    pipe.hset(key, mapping={name: str(value) for name, value in values.items()})
                    pipe.expire(key, _KEPT_SECONDS)
                    pipe.delete(f"circuit:{self.name}:probe")
                    pipe.execute()
            except RedisError:
                pass
        with self._lock:
            self._local = standing


class Pace:
    """At most so many calls a second over all processes, so that a backlog drains politely."""

    def __init__(
        self,
        name: str,
        per_second: int,
        redis: Redis | None = None,
        *,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._name = name
        self._per_second = per_second
        self._redis = redis
        self._wall_clock = wall_clock
        self._sleep = sleep

    def take(self) -> None:
        """Wait for the next free moment, at most a few seconds; without Redis there is no common count."""
        for _ in range(5):
            now = self._wall_clock()
            if self._count(int(now)) <= self._per_second:
                return
            self._sleep(1.0 - now % 1.0)

    def _count(self, second: int) -> int:
        if self._redis is None:
            return 0
        key = f"pace:{self._name}:{second}"
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.incr(key)
                pipe.expire(key, 5)
                return int(pipe.execute()[0])
        except RedisError:
            return 0
