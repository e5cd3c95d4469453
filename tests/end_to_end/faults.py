"""Every fault the sandbox knows that can touch a payment: each alone, and all of them by turns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

Spec = Mapping[str, Any]

_EVERYWHERE: Mapping[str, Spec] = {
    "outage": {"outage": True},
    "http_status": {"http_status": 500},
    "accept_then_timeout": {"accept_then_timeout": 2},
    "delay_s": {"delay_s": 4},
    "drop": {"drop": True},
}
_TOLD_TWICE_OR_LATE: Mapping[str, Spec] = {"duplicate": {"duplicate": 2}, "reorder": {"reorder": True}}
_ENDINGS = ("cancelled", "timeout", "insufficient", "wrong_pin", "system_busy", "expired")
# The parts of the sandbox a payment passes, with the faults that mean something there.
SINGLE: Mapping[str, Mapping[str, Spec]] = {
    "stk": {
        **_EVERYWHERE,
        **_TOLD_TWICE_OR_LATE,
        "error_code": {"error_code": "500.003.02"},
        "late_success": {"late_success": 8},
        **{f"outcome {name}": {"outcome": name} for name in _ENDINGS},
    },
    "c2b": {**_EVERYWHERE, **_TOLD_TWICE_OR_LATE, "error_code": {"error_code": "500.003.02"}},
    "pull": {
        **_EVERYWHERE,
        "duplicate": {"duplicate": 2},
        "error_code": {"error_code": "500.003.02"},
    },
    "fund": {
        **_EVERYWHERE,
        "error_code": {"error_code": "err.server.error"},
        "half_post": {"half_post": True},
        "retry_after": {"http_status": 503, "retry_after": 2},
        "clock_skew_s": {"clock_skew_s": 200},
        "outcome unsigned": {"outcome": "unsigned"},
        "outcome wrong_signature": {"outcome": "wrong_signature"},
        "outcome token_refused": {"outcome": "token_refused"},
    },
    "sms": {
        **_EVERYWHERE,
        **_TOLD_TWICE_OR_LATE,
        "error_code": {"error_code": "406"},
        "outcome failed": {"outcome": "failed"},
    },
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One fault of one part, by the name it has in the tables."""

    part: str
    name: str
    spec: Spec

    def __str__(self) -> str:
        return f"{self.part} {self.name}"

    def at(self, rate: float, seed: int) -> dict[str, Any]:
        """As it is put to the sandbox; prompts that nothing else decides are paid by themselves."""
        paid = {} if "outcome" in self.spec or self.part != "stk" else {"auto": True}
        return {**paid, **self.spec, "rate": rate, "seed": seed}


def singles(part: str) -> list[Trouble]:
    return [Trouble(part, name, spec) for name, spec in SINGLE[part].items()]


def by_turns(random: Random) -> Iterator[list[Trouble]]:
    """For ever: one fault of every part at a time, each of a part once before any comes again."""
    decks: dict[str, list[Trouble]] = {part: [] for part in SINGLE}
    while True:
        for part, deck in decks.items():
            if not deck:
                deck.extend(random.sample(singles(part), len(SINGLE[part])))
        yield [deck.pop() for deck in decks.values()]
