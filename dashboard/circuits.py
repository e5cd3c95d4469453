"""How each registry's circuit stands, and how much waits for that registry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from core.backlog import Backlog
from registry.breaker import Breaker, Circuit

# Which queues call which registry.
_QUEUES: Final = {
    "fund": frozenset({"post", "correct", "enrolled", "enrolment"}),
    "civil": frozenset({"identity", "watch"}),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """One registry's circuit. `since`: when it went down; `next_try_at`: while no call is made."""

    name: str
    circuit: Circuit
    failures: int
    since: datetime | None
    next_try_at: datetime | None
    waiting: int


def standings(circuits: Iterable[Breaker], waiting: Sequence[Backlog]) -> list[Standing]:
    """All of them, as they stand now."""
    pending = {row.topic: row.pending for row in waiting}
    found = []
    for breaker in circuits:
        state = breaker.state()
        queues = _QUEUES.get(breaker.name, frozenset())
        found.append(
            Standing(
                breaker.name,
                state.circuit,
                state.failures,
                _instant(state.since),
                _instant(state.next_try_at),
                sum(pending.get(queue, 0) for queue in queues),
            )
        )
    return found


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
