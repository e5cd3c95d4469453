"""What the supervisor must know of one process it keeps running."""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from operations.embedded import Server
from operations.embedded.account import Account
from operations.embedded.postgres import SERVER_ENV


def _nothing() -> None:
    return


def _alive(_pid: int) -> bool:
    return True


@dataclass(frozen=True)
class Part:
    """`is_ready` is asked with the process id; `before_start` may raise OSError or EmbeddedError."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    is_ready: Callable[[int], bool] = _alive
    before_start: Callable[[], None] = _nothing
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    # Servers stop after those who use them.
    stops_last: bool = False


def part_of(server: Server) -> Part:
    """An embedded server as a part."""
    return Part(
        name=server.name,
        argv=tuple(server.argv),
        cwd=server.data,
        env=SERVER_ENV,
        is_ready=lambda _pid: server.is_ready(),
        before_start=server.prepare,
        account=server.account,
        stop_signal=server.stop_signal,
        stops_last=True,
    )
