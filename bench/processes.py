"""Starts what is measured, pinned to a core, waits until it listens, and ends it again."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from operations.embedded.spawn import spawn

START_SECONDS_MAX = 180.0
STOP_SECONDS_MAX = 10.0


class BenchError(Exception):
    """A measurement cannot be made; the message says why."""


@contextmanager
def serving(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], port: int, core: int, log: Path
) -> Iterator[int]:
    """Run `argv` on one core until the block ends; yields its pid once `port` listens. Raises BenchError."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        pinned = ["taskset", "-c", str(core), *argv]
        process = spawn(pinned, cwd=cwd, env=os.environ | dict(env), output=output)
    try:
        _wait_until_listening(process, port, log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                last = log.read_text(errors="replace").strip().splitlines()[-3:]
                raise BenchError(f"{process.args!r} does not listen: {' / '.join(last)}") from None
            time.sleep(0.05)
        else:
            return
