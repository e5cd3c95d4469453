"""What a PIN verdict means on a PIN screen."""

from __future__ import annotations

from menus.engine.graph import Screen
from menus.engine.model import PinVerdict
from menus.engine.navigation import LOCKED_MINUTES, RIGHT, TRIES_LEFT, Walk

_VERDICTS_BY_PURPOSE = {
    "check": {"right", "wrong", "locked"},
    "set": {"weak", "chosen"},
    "repeat": {"matches", "mismatch"},
}


def verdict_given(walk: Walk, verdict: PinVerdict) -> None:
    """Move on, or stay and say why. Raises ValueError for a verdict that the screen does not take."""
    spec = walk.spec
    if verdict.kind not in _VERDICTS_BY_PURPOSE.get(spec.purpose or "", ()):
        raise ValueError(f"{spec.name} takes no PIN verdict {verdict.kind!r}")
    if verdict.kind == "wrong":
        walk.mark("invalid")
        walk.keep(TRIES_LEFT, str(verdict.tries_left))
        walk.remark = "reason.pin_wrong"
    elif verdict.kind == "weak":
        walk.mark("invalid")
        known = f"reason.pin_{verdict.reason}" in walk.graph.languages[walk.language].remarks
        walk.remark = f"reason.pin_{verdict.reason}" if known else "reason.pin_sequence"
    elif verdict.kind == "mismatch":
        walk.mark("invalid")
        walk.go(spec.mismatch)
        walk.answers.pop(walk.spec.answer, None)
        walk.remark = "reason.pin_mismatch"
    elif verdict.kind == "locked":
        walk.mark("invalid")
        walk.keep(LOCKED_MINUTES, str(verdict.minutes))
        walk.go(spec.locked)
    else:
        _passed(walk, spec, verdict)


def _passed(walk: Walk, spec: Screen, verdict: PinVerdict) -> None:
    walk.mark("answered")
    for forgotten in spec.forgets:
        walk.answers.pop(forgotten, None)
    if verdict.kind == "chosen":
        walk.keep(spec.answer, verdict.sealed)
    elif verdict.kind == "right":
        walk.keep(spec.answer, RIGHT)
        walk.answers.pop(TRIES_LEFT, None)
    walk.advance(spec.to)
