"""Both embedded servers for the length of a `with` block: for single commands and for tests."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from operations.embedded.binaries import EmbeddedError
from operations.embedded.postgres import SERVER_ENV
from operations.embedded.server import Server
from operations.embedded.spawn import spawn

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0


@contextmanager
def running(servers: Sequence[Server], logs: Path) -> Iterator[None]:
    """Run `servers` until the block ends; their output is added to `<logs>/<name>.log`."""
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        started = [
            (server, stack.enter_context(_one(server, logs / f"{server.name}.log"))) for server in servers
        ]
        for server, process in started:
            _wait_until_ready(server, process, logs / f"{server.name}.log")
        yield


@contextmanager
def _one(server: Server, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    server.prepare()
    with log.open("ab") as output:
        process = spawn(
            server.argv,
            cwd=server.data,
            env=SERVER_ENV,
            output=output,
            account=server.account,
            death_signal=server.stop_signal,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(server.stop_signal)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while not server.is_ready():
        if process.poll() is not None:
            raise EmbeddedError(f"{server.name} ended at once (status {process.returncode}); see {log}")
        if time.monotonic() > deadline:
            raise EmbeddedError(f"{server.name} did not answer within {START_SECONDS_MAX:.0f} s; see {log}")
        time.sleep(0.02)
