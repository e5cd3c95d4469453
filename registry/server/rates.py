"""How many requests a client may make in a minute: counted in Redis, or here while Redis is away."""

import threading
import time
from collections.abc import Callable
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

WINDOW_SECONDS = 60
_NAMES_MAX = 10_000


class Rates:
    """Counts by fixed windows. Without Redis each process counts for itself, so more may pass, never less."""

    def __init__(self, redis: Redis | None, *, wall_clock: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._wall_clock = wall_clock
        self._counts: dict[str, int] = {}
        self._window = 0
        self._lock = threading.Lock()

    def wait_seconds(self, name: str, per_minute: int) -> int:
        """0 when this request may pass, else the seconds until the next window."""
        now = self._wall_clock()
        window = int(now) // WINDOW_SECONDS
        if self._count(name, window) <= per_minute:
            return 0
        return WINDOW_SECONDS - int(now) % WINDOW_SECONDS

    def _count(self, name: str, window: int) -> int:
        if self._redis is not None:
            key = f"rate:{name}:{window}"
            try:
                with self._redis.pipeline(transaction=False) as pipe:
                    pipe.incr(key)
                    pipe.expire(key, 2 * WINDOW_SECONDS)
                    return cast("int", pipe.execute()[0])
            except RedisError:
                pass
        with self._lock:
            if window != self._window or len(self._counts) > _NAMES_MAX:
                self._window, self._counts = window, {}
            self._counts[name] = self._counts.get(name, 0) + 1
            return self._counts[name]
