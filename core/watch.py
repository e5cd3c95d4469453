"""When a process that ended is started again: pure, so that it can be tested with any clock."""

from dataclasses import dataclass, field

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
# A process that lived this long was well; its next end counts as the first again.
HEALTHY_SECONDS = 30.0


@dataclass
class Watch:
    """The life of one process, in instants of a monotonic clock (seconds)."""

    start_at: float = 0.0
    started_at: float | None = field(default=None, init=False)
    ends_in_a_row: int = field(default=0, init=False)

    def is_due(self, now: float) -> bool:
        """Whether it should be started now."""
        return self.started_at is None and now >= self.start_at

    def started(self, now: float) -> None:
        self.started_at = now

    def ended(self, now: float) -> float:
        """Note that it ended, or could not be started; returns the pause in seconds before the next start."""
        if self.started_at is not None and now - self.started_at >= HEALTHY_SECONDS:
            self.ends_in_a_row = 0
        pause: float = min(FIRST_PAUSE_SECONDS * 2**self.ends_in_a_row, LONGEST_PAUSE_SECONDS)
        self.ends_in_a_row += 1
        self.started_at = None
        self.start_at = now + pause
        return pause
