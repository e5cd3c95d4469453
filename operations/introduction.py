"""Introduces the house to the sandbox: a fresh one does not know yet where payments are to be reported."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from operations.embedded.spawn import spawn
from operations.state import REPOSITORY, State
from operations.trouble import TroubleError

SECONDS_MAX = 90.0


@dataclass(frozen=True)
class Introduction:
    """Introducing both ways, running beside the other processes while they start."""

    process: subprocess.Popen[bytes]
    log: Path

    def finish(self) -> None:
        """Wait for its end. Raises TroubleError when the sandbox would not listen."""
        try:
            status = self.process.wait(SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        if status != 0:
            raise TroubleError(f"the sandbox would not learn our addresses; see {self.log}")


def introduce(env: Mapping[str, str], state: State) -> Introduction:
    """Begin. Call it from the main thread, when the sandbox answers."""
    log = state.logs / "introduction.log"
    command = [sys.executable, "-m", "operations.introducing"]
    with log.open("wb") as output:
        return Introduction(spawn(command, cwd=REPOSITORY, env=env, output=output), log)
