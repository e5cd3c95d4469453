"""Values that a hop makes by the dozen: immutable for the type checker, plain objects at run time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(shape: type[T]) -> type[T]:
    """A dataclass with slots whose fields no typed code can set. `frozen=True` would check that once more at
    run time and make each object ten times as dear: 3.3 µs instead of 0.4 with thirteen fields.
    """
    return dataclass(slots=True, unsafe_hash=True)(shape)
