"""Waiting for what a test expects, by looking again and again; a sleep is never a proof."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

# Looking costs too: it is done less and less often.
FIRST_PAUSE_SECONDS, PAUSE_SECONDS_MAX, PAUSE_GROWTH = 0.1, 1.0, 1.3
# Generous: nobody measures here, and the machine may be busy with other tests.
PATIENCE_SECONDS = 120.0


def wait_for(
    look: Callable[[], Found | None],
    what: str,
    *,
    seconds: float = PATIENCE_SECONDS,
    otherwise: Callable[[], str] = lambda: "",
) -> Found:
    """The first truthy thing that `look` gives. `otherwise` explains the failure."""
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for: {what}\n{otherwise()}")
        time.sleep(pause)
        pause = min(pause * PAUSE_GROWTH, PAUSE_SECONDS_MAX)
