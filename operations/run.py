"""What `bin/run` becomes: a guard over the launcher, so that no death of either leaves a process behind.

The guard adopts every orphan below it. When the launcher is killed, its children receive their death signals
and the guard ends whatever remains; when the guard is killed, the launcher receives SIGTERM and stops.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from core.processes import adopt_orphans
from operations.embedded.spawn import spawn

REPOSITORY = Path(__file__).resolve().parent.parent
# Servers and workers that lost their launcher have this long to end by themselves.
LAST_WORDS_SECONDS = 6.0


def main() -> int:
    adopt_orphans()
    command = [sys.executable, "-m", "operations.launcher", *sys.argv[1:]]
    environment = os.environ | {"KIBABA_GUARD": str(os.getpid())}
    launcher = spawn(command, cwd=REPOSITORY, env=environment, output=None)

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        # The launcher is in a session of its own, so that Ctrl-C reaches it once, from here.
        if launcher.returncode is None:
            os.kill(launcher.pid, signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, pass_on)
    status = _wait_for(launcher)
    _end_the_rest(patience_seconds=LAST_WORDS_SECONDS if status < 0 else 0.0)
    return status if status >= 0 else 128 - status


def _wait_for(launcher: subprocess.Popen[bytes]) -> int:
    """The launcher's exit code, negative for a signal. Orphans that end meanwhile are buried."""
    while launcher.returncode is None:
        pid, status = os.waitpid(-1, 0)
        if pid == launcher.pid:
            launcher.returncode = os.waitstatus_to_exitcode(status)
    return launcher.returncode


def _end_the_rest(patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            if time.monotonic() >= deadline:
                for child in _children():
                    os.kill(child, signal.SIGKILL)
            time.sleep(0.02)


def _children() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    return [int(pid) for pid in text.split()]


if __name__ == "__main__":
    sys.exit(main())
