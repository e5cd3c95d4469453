"""JSON as it is signed and sent, and JSON from outside read within limits."""

import json
from enum import StrEnum
from typing import Any

from core.errors import InvalidValue
from registry import jcs

DEPTH_MAX = 40


class JsonMode(StrEnum):
    """How letters outside ASCII are written: as escapes, or as themselves in UTF-8; or RFC 8785 entirely."""

    ASCII = "ascii"
    UTF8 = "utf8"
    RFC8785 = "rfc8785"


def compact(value: Any, mode: JsonMode) -> bytes:
    """Keys sorted, no spaces. Raises ValueError for what JSON cannot say (NaN, half a surrogate pair)."""
    if mode is JsonMode.RFC8785:
        return jcs.written(value).encode()
    text = json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=mode is JsonMode.ASCII,
        allow_nan=False,
    )
    return text.encode()


def read_object(raw: bytes, bytes_max: int) -> dict[str, Any]:
    """Parse one JSON object from outside. Raises InvalidValue: too large, too deep, or something else."""
    if len(raw) > bytes_max:
        raise InvalidValue(f"more than {bytes_max} bytes of JSON")
    try:
        value = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidValue("not JSON") from error
    if not isinstance(value, dict):
        raise InvalidValue("not a JSON object")
    _check_depth(value)
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(DEPTH_MAX):
        # The parser makes exactly these types; this runs over every field of every answer.
        level = [
            inner
            for holder in level
            for inner in (holder.values() if type(holder) is dict else holder)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return
    raise InvalidValue(f"JSON more than {DEPTH_MAX} deep")
