"""Virtual time and seeded chance: all that a simulated day depends on."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@dataclass
class VirtualClock:
    """Moves only when the story says so."""

    instant: datetime = START

    def now(self) -> datetime:
        return self.instant

    def forward(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


@dataclass
class SeededIds:
    """Identifiers in the order in which they are made, the same in each run of a seed."""

    clock: VirtualClock
    random: Random
    made: int = 0

    def milliseconds(self) -> int:
        # Each id one step later than the one before, so that rows of one instant keep their order.
        self.made += 1
        return int(self.clock.instant.timestamp() * 1000) + self.made

    def chance(self, count: int) -> bytes:
        return self.random.randbytes(count)


@dataclass
class Diary:
    """What happened, in words, and how often each fault struck. Its digest tells two runs apart."""

    lines: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)

    def note(self, line: str) -> None:
        self.lines.append(line)

    def fault(self, name: str) -> None:
        self.faults[name] = self.faults.get(name, 0) + 1
        self.lines.append(f"fault: {name}")

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()[:16]
