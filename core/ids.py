"""Identifiers: UUID version 7 (RFC 9562), made here because PostgreSQL 15 cannot make them."""

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


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


_sources: list[IdSource] = [_Machine()]


def new_id() -> uuid.UUID:
    """A time-ordered UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    source = _sources[-1]
    milliseconds = source.milliseconds()
    random_bits = int.from_bytes(source.chance(10))
    value = milliseconds << 80
    value |= 0x7 << 76
    value |= (random_bits >> 64 & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random_bits & ((1 << 62) - 1)
    return uuid.UUID(int=value)


@contextmanager
def ids_from(source: IdSource) -> Iterator[None]:
    """Take identifiers from elsewhere for a while: a simulation that is to run the same way again."""
    _sources.append(source)
    try:
        yield
    finally:
        _sources.pop()
