"""The least web that can be ready."""

from collections.abc import Callable, Iterable
from typing import Any


def app(
    _environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], Any]
) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ready"]
