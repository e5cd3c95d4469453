"""Names as Pull Transactions writes them: `ResponseCode` or `Response Code`, as it pleases."""

from collections.abc import Mapping
from typing import Any


def without_spaces(body: Mapping[str, Any]) -> dict[str, Any]:
    """The same fields under names in small letters without spaces; of two that become one, the first."""
    found: dict[str, Any] = {}
    for name, value in body.items():
        found.setdefault("".join(name.split()).lower(), value)
    return found
