"""Introduces the house to the sandbox: a fresh one does not know yet where payments are to be reported."""

import gc
import os
from dataclasses import dataclass
from pathlib import Path

from core.processes import ending, fork
from core.settings import Settings
from operations.state import State
from operations.trouble import TroubleError

INTRODUCTION = "introduction"


@dataclass
class Introduction:
    """Introducing both ways, in a process beside the others while they start."""

    pid: int | None
    log: Path

    def is_over(self) -> bool:
        """Whether it has ended. Raises TroubleError when the sandbox would not listen."""
        if self.pid is None:
            return True
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return False
        self.pid = None
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            raise TroubleError(f"the sandbox would not learn our addresses ({ending(code)}); see {self.log}")
        return True


def introduce(settings: Settings, state: State) -> Introduction:
    """Begin. Call it from the main thread, when the sandbox answers.

    By a fork: half of what it needs is loaded here, and what it loads more is gone with it.
    """
    log = state.logs / f"{INTRODUCTION}.log"

    def work() -> int:
        with log.open("wb") as output:
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
        # A short life: the collector would only look through what is loaded, again and again, in vain.
        gc.disable()
        from operations.introducing import meet  # noqa: PLC0415 - in the child alone

        meet(settings)
        return 0

    return Introduction(fork(INTRODUCTION, work), log)
