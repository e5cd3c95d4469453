"""How a small phone looks in a terminal."""

import textwrap
from collections.abc import Iterator

from menus.engine.gsm7 import septets

COLUMNS = 32
_KINDS = {"menu": "answer", "final": "end", "closed": "closed", "error": "no connection", "waiting": "…"}


def draw_screen(text: str, kind: str) -> str:
    """A USSD screen with its length in septets, of the 160 that a phone shows at least."""
    return _box(text, f"{_KINDS.get(kind, kind)} · {septets(text)}")


def draw_message(sender: str, text: str) -> str:
    return _box(text, f"SMS from {sender}")


def draw_prompt(text: str) -> str:
    return _box(text, "payment prompt")


def _box(text: str, caption: str) -> str:
    lines = [f"┌{'─' * (COLUMNS + 2)}┐"]
    lines += [f"│ {line:<{COLUMNS}} │" for line in _wrapped(text)]
    return "\n".join([*lines, f"└{f' {caption} ':─>{COLUMNS + 2}}┘"])


def _wrapped(text: str) -> Iterator[str]:
    for line in text.splitlines() or [""]:
        yield from textwrap.wrap(line, COLUMNS) or [""]
