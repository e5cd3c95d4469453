"""Addresses of the other side: whether one is on this machine."""

from urllib.parse import urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def is_this_machine(url: str) -> bool:
    """Whether an address is on the loopback, as the sandbox's are."""
    return urlsplit(url).hostname in _LOOPBACK
