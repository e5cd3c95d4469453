"""All of the house sealed anew with the newest key, and older keys retired of which nothing is left."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from redis import Redis, RedisError
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.database import Sessions
from core.key_proofs import mark_retired, proven, take_away, unmark_retired
from core.sealing_key import others
from core.vault import Vault
from operations.sealing.batches import Batches, TableBusy, driver_of
from operations.sealing.places import SealedTable, sealed_tables
from operations.trouble import TroubleError
from ussd_app.gateway.session_store import records_by_key

_TELL_EVERY_SECONDS: Final = 2.0
# Rows that somebody holds, or that moved while they were looked for, are looked for again.
_VAIN_WALKS_MAX: Final = 3
_VAIN_WALK_PAUSE_SECONDS: Final = 1.0


@dataclass(slots=True)
class Sealed:
    """What became of one table: values sealed anew, and those that are left, by the key that sealed them."""

    anew: int = 0
    left: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Rotated:
    """`calls`: records of the last fifteen minutes' calls that an older key sealed; they go by themselves."""

    newest: str
    tables: dict[str, Sealed]
    calls: Counter[str]
    retired: list[str]

    @property
    def left(self) -> Counter[str]:
        """All that is left, by key."""
        return sum((one.left for one in self.tables.values()), Counter(self.calls))


class Rotation:
    """One run; another goes on where it ended. `tell` hears how far it is."""

    def __init__(
        self, sessions: Sessions, vault: Vault, redis: Redis, clock: Clock, tell: Callable[[str], None]
    ) -> None:
        self._sessions = sessions
        self._vault = vault
        self._redis = redis
        self._clock = clock
        self._tell = tell
        self._told_at = time.monotonic()

    def run(self) -> Rotated:
        """Seal anew what is not sealed with the newest key, then retire what keys that can be.

        Raises TroubleError while others seal with another key: they could not open what is sealed here.
        """
        tables = sealed_tables()
        with self._sessions.begin() as session:
            self._refuse_beside_others(session)
            used = proven(session)
        done = {table.name: self._table(table) for table in tables}
        used |= {key_id for one in done.values() for key_id in one.left}
        calls, retired = self._retire(
            [key_id for key_id in self._vault.older if key_id in used], tables, done
        )
        result = Rotated(self._vault.newest, done, calls, retired)
        if retired or any(one.anew for one in done.values()):
            self._record(result)
        return result

    def _refuse_beside_others(self, session: Session) -> None:
        count = others(driver_of(session), self._vault.newest)
        if count:
            raise TroubleError(
                f"{count} connections to the database are open of processes that do not seal with "
                f"{self._vault.newest}, the newest of these PII_KEYS, or do not say so: restart them with "
                "these keys, then run this again"
            )

    def _table(self, table: SealedTable) -> Sealed:
        batches = Batches(self._sessions, self._vault, table)
        done = Sealed(left=batches.left())
        total, vain = done.left.total(), 0
        while total and vain < _VAIN_WALKS_MAX:
            found, anew = self._walk(batches, table.name, done, total)
            if not found:
                break
            if not anew:
                vain += 1
                time.sleep(_VAIN_WALK_PAUSE_SECONDS)
        return done

    def _walk(self, batches: Batches, name: str, done: Sealed, total: int) -> tuple[int, int]:
        found = anew = 0
        try:
            for seen, replaced in batches.walk():
                found, anew, done.anew = found + seen, anew + replaced, done.anew + replaced
                if time.monotonic() - self._told_at > _TELL_EVERY_SECONDS:
                    self._tell(f"{name}: {done.anew} of {total} values sealed anew")
                    self._told_at = time.monotonic()
        except TableBusy:
            self._tell(f"{name} is written all the time by one transaction: what is left of it waits")
            return 0, anew
        return found, anew

    def _retire(
        self, key_ids: Sequence[str], tables: Sequence[SealedTable], done: dict[str, Sealed]
    ) -> tuple[Counter[str], list[str]]:
        """Which keys nobody needs any more; counts in `done` and in the session store what is left of all.

        First each key is marked, then it is looked for: who had connected before is seen by its connection
        or by what it wrote, and who comes later is not let in.
        """
        with self._sessions.begin() as session:
            for key_id in key_ids:
                mark_retired(session, key_id, now=self._clock.now())
        retired: list[str] = []
        try:
            with self._sessions.begin() as session:
                self._refuse_beside_others(session)
            for table in tables:
                done[table.name].left = Batches(self._sessions, self._vault, table).left()
            calls = self._calls()
            left = Rotated(self._vault.newest, done, calls, []).left
            retired = [key_id for key_id in key_ids if not left[key_id]]
        finally:
            with self._sessions.begin() as session:
                for key_id in key_ids:
                    settle = take_away if key_id in retired else unmark_retired
                    settle(session, key_id)
        return calls, retired

    def _calls(self) -> Counter[str]:
        try:
            found = records_by_key(self._redis)
        except RedisError as error:
            raise TroubleError("the session store does not answer; run this again when it does") from error
        return Counter({key_id: count for key_id, count in found.items() if key_id != self._vault.newest})

    def _record(self, result: Rotated) -> None:
        details = {
            "retired": result.retired,
            "sealed_anew": sum(one.anew for one in result.tables.values()),
            "left": result.left.total(),
        }
        with self._sessions.begin() as session:
            now = self._clock.now()
            audit.record(
                session,
                at=now,
                actor="operator",
                action="keys.rotated",
                subject=result.newest,
                details=details,
            )
