"""Redis, PostgreSQL and the clock as plain memory, for walks by the hundred thousand."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from redis.exceptions import ConnectionError as RedisAwayError
from redis.exceptions import TimeoutError as RedisSlowError

from core.database import Sessions
from ussd_app.gateway.funnel import Funnel
from ussd_app.gateway.session_store import Recall, Record, SessionStore

KEPT_SECONDS = 900
HISTORY_SECONDS = 300
# A store that did not answer in time is not asked again for so long.
DEAF_SECONDS = 1


class SteppingClock:
    """A clock that stands until it is told to go on."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def step(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


class MemoryStore:
    """What `SessionStore` promises, without Redis. `away` makes every question fail; with `loses_answer` what
    is stored next is stored, but nobody hears of it.
    """

    def __init__(self, clock: SteppingClock) -> None:
        self._clock = clock
        self.away = self.loses_answer = False
        self._deaf_until = clock.now()
        self.flush()

    def flush(self) -> None:
        self._records: dict[str, tuple[datetime, Record]] = {}
        self._earlier: dict[str, tuple[datetime, dict[str, Record]]] = {}
        self._phones: dict[str, tuple[datetime, str]] = {}
        self._ended: set[str] = set()
        self._since: datetime | None = None

    def load(self, key: str) -> Record | None:
        self._ask()
        record: Record | None = self._alive(self._records.get(key), KEPT_SECONDS)
        return record

    def earlier(self, key: str, seen_hash: str) -> Record | None:
        self._ask()
        kept = self._alive(self._earlier.get(key), HISTORY_SECONDS)
        return kept.get(seen_hash) if kept else None

    def opening(self, key: str, phone_index: str, now: datetime) -> tuple[Record | None, Recall]:
        self._ask()
        self._since = self._since or now
        lost_lately = int(now.timestamp()) - int(self._since.timestamp()) < KEPT_SECONDS
        latest = self._alive(self._phones.get(phone_index), KEPT_SECONDS)
        return self.load(key), Recall(latest or "", self.load(latest) if latest else None, lost_lately)

    def commit(
        self, key: str, phone_index: str, record: Record, *, after: Record | None, keep_earlier: bool
    ) -> Record | None:
        self._ask()
        stored, now = self.load(key), self._clock.now()
        if (stored and stored.stamp()) != (after and after.stamp()):
            return stored
        if stored and keep_earlier:
            kept = self._alive(self._earlier.get(key), HISTORY_SECONDS) or {}
            self._earlier[key] = (now, {**kept, stored.seen_hash: stored})
        self._records[key] = (now, record)
        self._phones.pop(phone_index, None)
        if not record.ends:
            self._phones[phone_index] = (now, key)
        self._answer()
        return record

    def begin(self, key: str, phone_index: str, record: Record) -> bool:
        self._ask()
        is_known = self.load(key) is not None or self._alive(self._phones.get(phone_index), KEPT_SECONDS)
        if is_known or self._since is None:
            return False
        now = self._clock.now()
        self._records[key], self._phones[phone_index] = (now, record), (now, key)
        self._answer()
        return True

    def first_end(self, key: str) -> bool:
        self._ask()
        is_first = key not in self._ended
        self._ended.add(key)
        return is_first

    def remember_for_long(self) -> None:
        """As if nothing had been lost for a day."""
        self._since = self._clock.now() - timedelta(days=1)

    def _ask(self) -> None:
        if self.away or self._clock.now() < self._deaf_until:
            raise RedisAwayError("away")

    def _answer(self) -> None:
        if self.loses_answer:
            self.loses_answer = False
            self._deaf_until = self._clock.now() + timedelta(seconds=DEAF_SECONDS)
            raise RedisSlowError("no answer in time")

    def _alive(self, stored: tuple[datetime, Any] | None, seconds: int) -> Any:
        if stored is None or (self._clock.now() - stored[0]).total_seconds() >= seconds:
            return None
        return stored[1]


class MemoryResults:
    """What `DatabaseResults` promises, without a database."""

    def __init__(self) -> None:
        self.done: dict[str, Any] = {}

    def once(self, _session: object, key: str, _now: datetime, act: Callable[[], Any]) -> Any:
        if key not in self.done:
            self.done[key] = act()
        return self.done[key]

    def remembered(self, _session: object, keys: Collection[str]) -> dict[str, Any]:
        return {key: self.done[key] for key in keys if key in self.done}


class NoDatabase:
    """Transactions in which nothing is asked."""

    @contextmanager
    def begin(self) -> Iterator["NoDatabase"]:
        yield self

    def execute(self, *_anything: object) -> None:
        return None

    def scalar(self, *_anything: object) -> None:
        return None


def no_sessions() -> Sessions:
    """`NoDatabase` where the host takes a database."""
    return cast("Sessions", NoDatabase())


def as_store(store: MemoryStore) -> SessionStore:
    """`MemoryStore` where the host takes the one in Redis."""
    return cast("SessionStore", store)


class NoFunnel:
    """Counts nothing."""

    def count(self, *_anything: object) -> None:
        return None


def no_funnel() -> Funnel:
    """`NoFunnel` where the host takes the one that writes."""
    return cast("Funnel", NoFunnel())
