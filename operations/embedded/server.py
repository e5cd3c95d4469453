"""What the launcher needs to know of a server that it runs itself."""

import signal
from pathlib import Path
from typing import Protocol

from operations.embedded.account import Account


class Server(Protocol):
    """One server on one data directory; at most one process may serve it at a time."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str:
        """Where clients find it."""

    @property
    def account(self) -> Account | None: ...

    @property
    def data(self) -> Path: ...

    @property
    def argv(self) -> list[str]: ...

    @property
    def stop_signal(self) -> signal.Signals:
        """Ends the server in an orderly way without waiting for its clients."""

    def prepare(self) -> None:
        """Make the data directory on first use and clear what a killed server left. Raises EmbeddedError."""

    def is_ready(self) -> bool:
        """Whether it answers now."""
