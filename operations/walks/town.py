"""A town of made-up callers: facts that follow from what was done, effects that are counted."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from menus import Effect, PinVerdict, Session
from ussd_app.gateway.hop import Hop
from ussd_app.gateway.turns import CALLER_FACTS, Visit

_TRIES_MAX: Final = 3
_LOCK_MINUTES: Final = 30
_LIMIT_CENTS: Final = 100_000_00
# What the register says of an ID, by its last digit.
_STATES: Final = (
    "found", "found", "found", "waiting", "unknown", "dead", "minor", "look_alike", "taken", "several",
)  # fmt: skip
_SAME_FOR_ALL: Final[dict[str, Any]] = {
    "scheme": {
        "fund_name": "Haba Haba Fund",
        "helpline": "0800 123 456",
        "minimum_cents": 1000,
        "maximum_cents": 30_000_000,
        "suggested_cents": [2000, 5000, 10000],
    },
    "payment_way": {
        "amount_cents": 5000,
        "receipt": "SFF6XYZ12X",
        "steps": [{"on": "2026-11-22T10:30", "state": "received"}],
    },
    "charges": {"free_up_to_cents": 10_000},
    "months": ["2026-10", "2026-12"],
    "recipient": {"state": "found", "number": "412345679", "masked_name": "O***** A****"},
    "plan": {
        "state": "some",
        "rhythm": "week",
        "amount_cents": 10_000,
        "saved_cents": 4000,
        "rest_cents": 6000,
        "reminders": False,
    },
    "plan_amounts": [10_000, 20_000],
    "claimed": {"amount_cents": 5000, "on": "2026-11-22T10:30", "receipt": "SFF6XYZ12X"},
}
_RESULTS: Final[dict[str, dict[str, Any]]] = {
    "look_up_identity": {"state": "started"},
    "start_phone_change": {"state": "started", "waiting_days": 1},
    "claim": {"state": "offered"},
    "take_claim": {"state": "taken"},
}


@dataclass
class Person:
    """One phone's owner, and everything that was ever set off for them."""

    status: str = "none"
    language: str = ""
    pin: str = ""
    failures: int = 0
    reminders: bool = False
    saved: list[int] = field(default_factory=list)
    joined: int = 0


class Town:
    """The host's `World`. Equal towns that are told the same become equal again."""

    def __init__(self, members: dict[str, Person]) -> None:
        self.people = members
        self._told_locked: set[object] = set()

    def person(self, phone: str) -> Person:
        return self.people.setdefault(phone, Person())

    def given(self, now: datetime) -> dict[str, Any]:  # noqa: ARG002 -- its rules never change
        return {"scheme": _SAME_FOR_ALL["scheme"]}

    def caller(self, hop: Hop, now: datetime) -> dict[str, Any]:  # noqa: ARG002 -- as `World` has it
        return self.caller_of(hop.phone.e164)

    def fact(self, name: str, visit: Visit, draft: Session) -> Any:
        if name == "own_pin":
            return self.own_pin_of(visit.hop.phone.e164, visit.name_of(name), in_doubt=visit.in_doubt)
        return self.fact_of(name, visit.hop.phone.e164, draft)

    def perform(self, effect: Effect, visit: Visit) -> dict[str, Any]:
        return self.perform_for(effect, visit.hop.phone.e164)

    def mark_pin(self, pin: str, place: str) -> str:
        return sealed(f"{place}:{pin}")

    def check_pin(self, pin: str, visit: Visit) -> PinVerdict:
        return self.check_pin_of(pin, visit.hop.phone.e164)

    def choose_pin(self, pin: str, visit: Visit, session: Session) -> PinVerdict:  # noqa: ARG002 -- as `World` has it
        if len(set(pin)) == 1:
            return PinVerdict("weak", reason="repeated")
        return PinVerdict("chosen", sealed=sealed(pin))

    def repeat_pin(self, pin: str, session: Session) -> PinVerdict:
        return PinVerdict("matches" if session.answers["pin"] == sealed(pin) else "mismatch")

    def caller_of(self, phone: str) -> dict[str, Any]:
        """What the menus ask about every caller."""
        return {name: self.fact_of(name, phone, None) for name in CALLER_FACTS}

    def fact_of(self, name: str, phone: str, draft: Session | None) -> Any:
        person = self.person(phone)
        if name == "member":
            return {
                "status": person.status,
                "language": person.language,
                "number": "412345678" if person.status != "none" else "",
                "phone_masked": "0712***678",
                "reminders": person.reminders,
            }
        if name == "usual_amounts":
            return list(dict.fromkeys(reversed(person.saved)))[:3]
        if name == "identity":
            assert draft is not None
            return {"state": _STATES[int(draft.answers["national_id"][-1])], "masked_name": "W***** M****"}
        if name == "balance":
            total = sum(person.saved)
            return {"amount_cents": total, "as_of": "2026-11-22T10:30", "pending_cents": total // 2}
        if name == "payments":
            lines = [
                {"id": str(cents), "on": "2026-11-22T10:30", "amount_cents": cents, "state": "received"}
                for cents in person.saved
            ]
            return lines[-12:]
        return _SAME_FOR_ALL[name]

    def own_pin_of(self, phone: str, answer: object, *, in_doubt: bool) -> dict[str, Any]:
        """As `PinWorld` finds it: locked only for the newest answer, and then whenever that one is walked."""
        if self.person(phone).failures >= _TRIES_MAX and not in_doubt:
            self._told_locked.add(answer)
        if answer in self._told_locked:
            return {"state": "locked", "minutes": _LOCK_MINUTES}
        return {"state": "set"}

    def perform_for(self, effect: Effect, phone: str) -> dict[str, Any]:
        person, args = self.person(phone), effect.args
        if effect.name == "join":
            if person.status != "none":
                return {"state": "taken", "number": ""}
            person.status, person.language = "active", args["language"]
            person.reminders = args["consent_reminders"] == "yes"
            person.pin, person.joined = args["pin"], person.joined + 1
            return {"state": "joined", "number": "412345678"}
        if effect.name == "save":
            cents = int(args["amount_cents"])
            if sum(person.saved) + cents > _LIMIT_CENTS:
                return {"state": "limit"}
            person.saved.append(cents)
            return {"state": "queued", "contribution_id": f"{phone}:{len(person.saved)}"}
        if effect.name == "set_language":
            person.language = args["language"]
        elif effect.name == "change_pin":
            person.pin = args["pin"]
        elif effect.name == "set_consent":
            person.reminders = args["granted"] == "yes"
        return _RESULTS.get(effect.name, {"state": "done"})

    def check_pin_of(self, pin: str, phone: str) -> PinVerdict:
        person = self.person(phone)
        if person.failures < _TRIES_MAX and sealed(pin) == person.pin:
            person.failures = 0
            return PinVerdict("right")
        person.failures += 1
        if person.failures >= _TRIES_MAX:
            return PinVerdict("locked", minutes=_LOCK_MINUTES)
        return PinVerdict("wrong", tries_left=_TRIES_MAX - person.failures)


def sealed(pin: str) -> str:
    """A PIN as this town keeps it; nobody there has anything to lose."""
    return hashlib.sha256(f"town:{pin}".encode()).hexdigest()[:16]
