"""Introduces the house to the sandbox: a fresh one does not know yet where payments are to be reported."""

import gc
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from core.processes import fork
from core.settings import Settings
from operations.state import State
from operations.trouble import TroubleError

SECONDS_MAX = 90.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Introduction:
    """Introducing both ways, in a process beside the others while they start."""

    pid: int
    log: Path

    def finish(self) -> None:
        """Wait for its end. Raises TroubleError when the sandbox would not listen."""
        deadline = time.monotonic() + SECONDS_MAX
        while (ended := os.waitpid(self.pid, os.WNOHANG)) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(_LOOK_SECONDS)
        if ended[1] != 0:
            raise TroubleError(f"the sandbox would not learn our addresses; see {self.log}")


def introduce(settings: Settings, state: State) -> Introduction:
    """Begin. Call it from the main thread, when the sandbox answers.

    By a fork: half of what it needs is loaded here, and what it loads more is gone with it.
    """
    log = state.logs / "introduction.log"

    def work() -> int:
        with log.open("wb") as output:
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
        # A short life: the collector would only look through what is loaded, again and again, in vain.
        gc.disable()
        from operations.introducing import meet  # noqa: PLC0415 - in the child alone

        meet(settings)
        return 0

    return Introduction(fork("introduction", work), log)
