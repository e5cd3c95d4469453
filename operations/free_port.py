"""A port for a server that must be told its port before it starts."""

import secrets
import socket
from pathlib import Path
from typing import Final

_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST: Final = 20_000
_TRIES: Final = 50


def free_port() -> int:
    """A port of this machine that nobody listens on.

    Not one of those that the kernel gives to outgoing connections, where there are others: somebody's
    connection could take it before the server does.
    """
    count = _first_ephemeral() - _FIRST
    for _ in range(_TRIES if count > 0 else 0):
        port = _FIRST + secrets.randbelow(count)
        if _is_free(port):
            return port
    return _any_port()


def two_free_ports() -> tuple[int, int]:
    """Two such ports. Asked for twice, the same could come."""
    first = second = free_port()
    while second == first:
        second = free_port()
    return first, second


def _first_ephemeral() -> int:
    try:
        return int(_EPHEMERAL.read_text(encoding="ascii").split()[0])
    except OSError:
        return 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
