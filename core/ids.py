"""Identifiers: UUID version 7 (RFC 9562), made here because PostgreSQL 15 cannot make them."""

import os
import time
import uuid


def new_id() -> uuid.UUID:
    """A time-ordered UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(os.urandom(10))
    value = milliseconds << 80
    value |= 0x7 << 76
    value |= (random_bits >> 64 & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random_bits & ((1 << 62) - 1)
    return uuid.UUID(int=value)
