"""Bad days on demand: which fault applies to which request, decided by a seed, kept across restarts."""

import json
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from sandbox import msisdn
from sandbox.fault_keys import FaultError, check
from sandbox.store import Store


@dataclass(frozen=True, slots=True)
class Fault:
    """One disturbance; every field at its default disturbs nothing. Meanings: `sandbox/README.md`."""

    auto: bool | None = None
    outcome: str = ""
    drop: bool = False
    duplicate: int = 0
    delay_s: float = 0.0
    reorder: bool = False
    late_success: float = 0.0
    http_status: int = 0
    error_code: str = ""
    accept_then_timeout: float = 0.0
    outage: bool = False
    half_post: bool = False
    retry_after: float = 0.0
    clock_skew_s: float = 0.0
    phone: str = ""
    rate: float = 1.0
    seed: int = 0
    draw: int = 0

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], draw: int = 0) -> Self:
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in spec.items() if key in known} | {"draw": draw})

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    def jitter(self, subject: str, most_seconds: float) -> float:
        """A seeded delay in 0..most_seconds, the same for the same seed, draw and subject."""
        return random.Random(f"{self.seed}:{self.draw}:{subject}").uniform(0.0, most_seconds)


NO_FAULT = Fault()


class Faults:
    """The faults that are set, one per part."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, part: str, spec: Any) -> dict[str, Any]:
        """Replaces the fault of `part`. FaultError says in plain words what is not understood."""
        checked = check(part, spec)
        self._store.execute(
            "INSERT INTO faults (part, spec, draws) VALUES (?, ?, 0)"
            " ON CONFLICT (part) DO UPDATE SET spec = excluded.spec, draws = 0",
            part,
            json.dumps(checked),
        )
        return checked

    def all(self) -> dict[str, dict[str, Any]]:
        return {row["part"]: json.loads(row["spec"]) for row in self._store.rows("SELECT * FROM faults")}

    def struck(self, part: str) -> dict[str, int]:
        """How many requests met the fault of `part` since it was set, and how many of them it hit."""
        row = self._store.row("SELECT spec, draws FROM faults WHERE part = ?", part)
        if row is None:
            return {"met": 0, "hit": 0}
        fault = Fault.from_spec(json.loads(row["spec"]))
        met = int(row["draws"])
        return {"met": met, "hit": sum(_hits(fault, part, number) for number in range(met))}

    def clear(self, part: str | None = None) -> None:
        if part is None:
            self._store.execute("DELETE FROM faults")
        else:
            self._store.execute("DELETE FROM faults WHERE part = ?", part)

    def draw(self, part: str, phone: str | None = None, *, many_phones: bool = False) -> Fault:
        """The fault this request or payment meets: the set one, or NO_FAULT by phone or by chance.

        With `many_phones` the request concerns several, and the caller looks at the fault's phone itself.
        """
        with self._store.transaction():
            row = self._store.row("SELECT spec, draws FROM faults WHERE part = ?", part)
            if row is None:
                return NO_FAULT
            spec = json.loads(row["spec"])
            only = spec.get("phone")
            if only and not many_phones and (phone is None or msisdn.parse(phone) != only):
                return NO_FAULT
            self._store.execute("UPDATE faults SET draws = draws + 1 WHERE part = ?", part)
        number = int(row["draws"])
        fault = Fault.from_spec(spec, draw=number)
        return fault if _hits(fault, part, number) else NO_FAULT


def _hits(fault: Fault, part: str, number: int) -> bool:
    return random.Random(f"{fault.seed}:{part}:{number}").random() < fault.rate


__all__ = ["NO_FAULT", "Fault", "FaultError", "Faults"]
