"""The relay: hands due outbox rows to RQ. Any number may run; stopping one loses nothing."""

import gc

if __name__ == "__main__":
    # Until the process stands, all that is loaded stays: the collector would look through it in vain. Whoever
    # only imports this module keeps theirs.
    gc.disable()

import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from core import outbox
from core.clock import Clock
from core.database import Sessions
from core.logging import configure_logging, log
from core.schedule import Every, write_due
from core.settings import load_settings
from ussd_app.foundation import lay_foundation
from ussd_app.schedule import schedule
from ussd_app.wallets import build_wallets
from workers.rq_queue import enqueue, jobs_waiting
from workers.topics import TOPICS

_IDLE_SECONDS: Final = 0.2
_TROUBLE_SECONDS: Final = 1.0
_HIDDEN_SECONDS: Final = 20.0
# With so many jobs waiting a queue gets no more: enough for what its workers take between two turns, and few
# enough to be worked before they are handed out again.
_JOBS_WAITING_MAX: Final = 10
_ALONE_MAX: Final = 20
_TOGETHER_MAX: Final = max(plan.batch_max for plan in TOPICS.values())
# Topics, and how many rows of them a turn hands out: what is worked together fills one job of its own.
_SHARES: Final = (
    ([topic for topic, plan in TOPICS.items() if plan.batch_max > 1], _TOGETHER_MAX),
    ([topic for topic, plan in TOPICS.items() if plan.batch_max == 1], _ALONE_MAX),
)
_HEARTBEAT_SECONDS: Final = 10
HEARTBEAT_KEY: Final = "relay:alive"


class Relay:
    """Moves due rows to RQ and writes periodic ones.

    A queue is given only what its workers will take soon; what else is due waits in the database, in order.
    A row handed out is hidden for 20 s: when Redis loses the job, the row comes up again.
    """

    def __init__(self, sessions: Sessions, redis: Redis, clock: Clock, schedule: Sequence[Every]) -> None:
        self._sessions = sessions
        self._redis = redis
        self._clock = clock
        self._schedule = schedule
        self._written: dict[str, str] = {}
        self._next_sign_of_life = 0.0

    def turn(self) -> bool:
        """Hand out a few rows; returns whether more may be due. Raises when the database or Redis is away."""
        now = self._clock.now()
        more = False
        full = {queue for queue, jobs in jobs_waiting(self._redis).items() if jobs >= _JOBS_WAITING_MAX}
        # Redis is filled before the transaction ends: if that fails, the rows stay due. Should the commit
        # fail instead, a job finds its row free or taken, and a second job does nothing.
        with self._sessions.begin() as session:
            new = [entry for entry in self._schedule if self._written.get(entry.name) != entry.key_at(now)]
            write_due(session, new, now)
            for share, limit in _SHARES:
                topics = [topic for topic in share if TOPICS[topic].queue not in full]
                rows = outbox.hand_out(session, now=now, seconds=_HIDDEN_SECONDS, limit=limit, topics=topics)
                enqueue(self._redis, rows)
                more |= len(rows) == limit
        self._written.update({entry.name: entry.key_at(now) for entry in new})
        if time.monotonic() >= self._next_sign_of_life:
            self._redis.set(HEARTBEAT_KEY, "1", ex=_HEARTBEAT_SECONDS)
            self._next_sign_of_life = time.monotonic() + _HEARTBEAT_SECONDS / 5
        return more

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        while not stop.is_set():
            try:
                pause = 0.0 if self.turn() else _IDLE_SECONDS
            except (RedisError, SQLAlchemyError) as error:
                log.warning("relay cannot work", error=type(error).__name__)
                pause = _TROUBLE_SECONDS
            stop.wait(pause)


def main() -> int:
    configure_logging("relay")
    # Not all of `bootstrap.build`: the relay works no task, and must be back soon when it was killed.
    base = lay_foundation(load_settings())
    wallets = build_wallets(base).by_name
    gc.freeze()
    gc.enable()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    Relay(base.sessions, base.redis, base.clock, schedule(base.settings, wallets)).run(stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
