"""Identifiers: UUID version 7 (RFC 9562), made here because PostgreSQL 15 cannot make them."""

import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

_COUNT_MAX: Final = 0xFFF
# It begins by chance, in the lower half: there is room for two thousand more.
_COUNT_STARTS_BELOW: Final = 0x7FF


class IdSource(Protocol):
    """Where identifiers get their time and their chance from."""

    def milliseconds(self) -> int:
        """Unix time."""
        ...

    def chance(self, count: int) -> bytes:
        """So many random bytes."""
        ...


class _Machine:
    def milliseconds(self) -> int:
        return time.time_ns() // 1_000_000

    def chance(self, count: int) -> bytes:
        return os.urandom(count)


class _Counted:
    """A source, and the instant and the count of the last identifier made from it."""

    def __init__(self, source: IdSource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._last = (0, 0)

    def next(self) -> uuid.UUID:
        chance = int.from_bytes(self._source.chance(10))
        milliseconds, count = self._counted(chance >> 64 & _COUNT_STARTS_BELOW)
        value = milliseconds << 80
        value |= 0x7 << 76
        value |= count << 64
        value |= 0b10 << 62
        value |= chance & ((1 << 62) - 1)
        return uuid.UUID(int=value)

    def unlock(self) -> None:
        """Nobody else is in a process that has just begun."""
        self._lock = threading.Lock()

    def _counted(self, start: int) -> tuple[int, int]:
        """Always after the last: within a millisecond, with a clock put back, when the count ran over."""
        with self._lock:
            milliseconds, count = self._last
            now = self._source.milliseconds()
            if now > milliseconds:
                self._last = now, start
            else:
                self._last = (milliseconds, count + 1) if count < _COUNT_MAX else (milliseconds + 1, start)
            return self._last


_machine: Final = _Counted(_Machine())
_sources: list[_Counted] = [_machine]
# A process may be forked while another of its threads makes one.
os.register_at_fork(after_in_child=_machine.unlock)


def new_id() -> uuid.UUID:
    """A UUIDv7 that sorts behind those this process made before: 48 bits of Unix milliseconds, 12 that count
    within one (RFC 9562, section 6.2, method 1), 62 random bits.
    """
    return _sources[-1].next()


@contextmanager
def ids_from(source: IdSource) -> Iterator[None]:
    """Take identifiers from elsewhere for a while: a simulation that is to run the same way again."""
    _sources.append(_Counted(source))
    try:
        yield
    finally:
        _sources.pop()
