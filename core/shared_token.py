"""One OAuth token for all processes: kept in Redis, fetched by one process at a time.

Daraja ends the old token with each new one, so a token per worker would break the others.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from redis import Redis
from redis.exceptions import RedisError

_WAIT_SECONDS = 0.05
_LOCK_SECONDS = 15


@dataclass(frozen=True, slots=True)
class FreshToken:
    """What a provider's token endpoint gave: the token and its life in seconds."""

    value: str
    expires_in_seconds: int


class TokenCache(Protocol):
    """Where an adapter gets its bearer token."""

    def get(self, fetch: Callable[[], FreshToken]) -> str:
        """The shared token; `fetch` is called by one process when there is none."""
        ...

    def forget(self, value: str) -> None:
        """Drop this token, unless somebody has already put a newer one."""
        ...


class LocalTokenCache:
    """A token cache for one process: tests and commands that run without Redis."""

    def __init__(self) -> None:
        self._value: str | None = None
        self._good_until = 0.0
        self._lock = threading.Lock()

    def get(self, fetch: Callable[[], FreshToken]) -> str:
        with self._lock:
            if self._value is None or time.monotonic() >= self._good_until:
                fresh = fetch()
                self._value = fresh.value
                self._good_until = time.monotonic() + _kept_seconds(fresh)
            return self._value

    def forget(self, value: str) -> None:
        with self._lock:
            if self._value == value:
                self._value = None


_FORGET = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class RedisTokenCache:
    """A token cache shared through Redis; with Redis away it falls back to one per process."""

    def __init__(self, redis: "Redis", name: str) -> None:
        self._redis = redis
        self._key = f"token:{name}"
        self._lock_key = f"token:{name}:fetching"
        self._local = LocalTokenCache()

    def get(self, fetch: Callable[[], FreshToken]) -> str:
        try:
            return self._get(fetch)
        except RedisError:
            return self._local.get(fetch)

    def forget(self, value: str) -> None:
        self._local.forget(value)
        try:
            self._redis.eval(_FORGET, 1, self._key, value)
        except RedisError:
            return

    def _get(self, fetch: Callable[[], FreshToken]) -> str:
        give_up_at = time.monotonic() + _LOCK_SECONDS
        while True:
            found = self._redis.get(self._key)
            if found is not None:
                return found.decode() if isinstance(found, bytes) else str(found)
            if (
                self._redis.set(self._lock_key, "1", nx=True, ex=_LOCK_SECONDS)
                or time.monotonic() > give_up_at
            ):
                break
            time.sleep(_WAIT_SECONDS)
        try:
            fresh = fetch()
            self._redis.set(self._key, fresh.value, ex=_kept_seconds(fresh))
        finally:
            self._redis.delete(self._lock_key)
        return fresh.value


def _kept_seconds(fresh: FreshToken) -> int:
    # Refreshed a minute early, so that a token never runs out on its way to the provider.
    return max(1, fresh.expires_in_seconds - 60)
