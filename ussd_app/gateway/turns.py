"""One answer worked: facts asked, effects done once, PINs judged at the edge.

What is asked about the caller on every screen is read in one statement and kept with the session, so that
most answers need no database at all. Anything else (balances, payments, the register's answer) is asked when
it is needed, and whatever is done is decided on facts read in the transaction that does it.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session as DatabaseSession

from core.clock import Clock
from core.database import Sessions
from core.errors import KibabaError
from core.logging import log
from menus import (
    Answer,
    Effect,
    Expectation,
    Graph,
    Opening,
    PinVerdict,
    Session,
    Step,
    Typed,
    Wanted,
    reads_as_pin,
    step,
    value,
)
from ussd_app.gateway.hop import Hop
from ussd_app.gateway.once import DatabaseResults, Results

_ROUNDS_MAX: Final = 20
# A hop that took so long to learn something asks nothing more: the caller is told while they can be.
_ASKING_SECONDS: Final = 1.5
# What `World.caller` tells, and for how long it may be told again.
CALLER_FACTS: Final = frozenset({"member", "usual_amounts", "charges"})
KNOWN_MILLISECONDS: Final = 60_000


class TooSlow(KibabaError):  # noqa: N818 -- it says what the database was
    """The database answers, but not in the time that a caller has."""

    code = "too_slow"


class Held(Exception):  # noqa: N818 -- it says what happened to the answer
    """An answer in doubt would have set something off."""


@value
class Known:
    """Facts about the caller as they were read `at` (milliseconds since 1970); empty when none are known."""

    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    at: int = 0


NOTHING_KNOWN: Final = Known()


@value
class Worked:
    """An answer worked: the step, what is known of the caller now, and the contribution it began, if any."""

    step: Step
    known: Known = NOTHING_KNOWN
    contribution_id: str = ""


@value
class Visit:
    """One answer being worked: what facts and effects may need to know. `key` names this answer for ever.

    `in_doubt`: it may not be meant for this screen now, so it sets off nothing new. `unseen`: this screen may
    never have been shown, so not even a new PIN is taken from it.
    """

    database: DatabaseSession
    hop: Hop
    key: str
    session_key: str
    now: datetime
    in_doubt: bool = False
    unseen: bool = False

    def name_of(self, what: str) -> str:
        """The name under which something that this answer did or found is remembered."""
        return _digest(f"{self.key}:{what}")


class World(Protocol):
    """What the host asks of the rooms that know things."""

    def given(self, now: datetime) -> Mapping[str, Any]:
        """Facts for which nobody is asked."""
        ...

    def caller(self, hop: Hop, now: datetime) -> Mapping[str, Any]:
        """The facts `member`, `usual_amounts` and `charges`, read outside of any visit."""
        ...

    def fact(self, name: str, visit: Visit, draft: Session) -> Any:
        """The fact `name` for this caller (shapes in `menus.facts`)."""
        ...

    def perform(self, effect: Effect, visit: Visit) -> dict[str, Any]:
        """Do what an effect says, in the visit's transaction; the result is JSON-like and not personal."""
        ...

    def mark_pin(self, pin: str, place: str) -> str:
        """One mark for each PIN typed at a place; it may be kept, for it does not tell the PIN."""
        ...

    def check_pin(self, pin: str, visit: Visit) -> PinVerdict:
        """Judge the caller's PIN, counting a wrong one."""
        ...

    def choose_pin(self, pin: str, visit: Visit, session: Session) -> PinVerdict:
        """Refuse a weak PIN or seal a good one."""
        ...

    def repeat_pin(self, pin: str, session: Session) -> PinVerdict:
        """Compare with the PIN just chosen."""
        ...


@value
class Turn:
    """One answer of one session. `number` counts the session's answers from 1; 0 is its opening."""

    hop: Hop
    session_key: str
    number: int
    in_doubt: bool = False
    unseen: bool = False

    @property
    def key(self) -> str:
        """The name of this answer in the database: the same post has the same, whoever works it."""
        return f"{self.session_key}:{self.number}"


@dataclass(frozen=True, slots=True, repr=False)
class _Pin:
    """A PIN on its way to be judged; it goes nowhere else."""

    pin: str
    expected: Expectation


class Turns:
    """Works answers. Safe to use from many threads and processes at once."""

    def __init__(
        self,
        sessions: Sessions,
        world: World,
        clock: Clock,
        budget: int,
        results: Results | None = None,
    ) -> None:
        self._results = results or DatabaseResults()
        self._sessions = sessions
        self._world = world
        self._clock = clock
        self._budget = budget

    def typed(
        self, graph: Graph, session: Session, text: str, turn: Turn, known: Known = NOTHING_KNOWN
    ) -> Worked:
        """The step after an answer. Raises Held."""
        expected = graph.expects(session)
        if expected.kind == "pin" and reads_as_pin(text):
            return self._again_if_cut_off(graph, session, _Pin(text.strip(), expected), turn, known)
        return self._worked(graph, session, Typed(text), turn, known)

    def at_once(self, graph: Graph, session: Session, text: str, hop: Hop, known: Known) -> Worked | None:
        """The step after an answer that needs nothing but who calls and does nothing, otherwise None."""
        if graph.expects(session).kind == "pin" and reads_as_pin(text):
            return None
        worked = self._without_transaction(graph, session, Typed(text), hop, known)
        return worked if isinstance(worked, Worked) else None

    def dialled_at_once(self, graph: Graph, hop: Hop) -> Worked | None:
        """The first step after a plain dial that needs nothing but who calls, otherwise None."""
        known = self._caller(hop, self._clock.now())
        worked = self._without_transaction(graph, None, Opening(), hop, known)
        return worked if isinstance(worked, Worked) else None

    def opened(self, graph: Graph, opening: Answer, turn: Turn) -> Worked:
        """The first step of a session."""
        now = self._clock.now()
        return self._worked(graph, None, opening, turn, self._caller(turn.hop, now))

    def shown(self, session_key: str, answers_max: int) -> dict[int, str]:
        """Hashes of the screens shown while the session's record was lost, by the answers before them."""
        keys = {_digest(f"{session_key}:{number}:shown"): number for number in range(answers_max + 1)}
        with self._sessions.begin() as database:
            found = self._results.remembered(database, keys)
        return {keys[key]: screen for key, screen in found.items()}

    def show(self, session_key: str, answers: int, screen_hash: str) -> None:
        """Remember what is shown after so many answers, for when the record is lost again."""
        key = _digest(f"{session_key}:{answers}:shown")
        with self._sessions.begin() as database:
            self._results.once(database, key, self._clock.now(), lambda: screen_hash)

    def _caller(self, hop: Hop, now: datetime) -> Known:
        return Known(self._world.caller(hop, now), _milliseconds(now))

    def _worked(
        self, graph: Graph, session: Session | None, answer: Answer, turn: Turn, known: Known
    ) -> Worked:
        """The step, without a transaction if what is known of the caller is enough for it."""
        worked = self._without_transaction(graph, session, answer, turn.hop, known)
        if isinstance(worked, Worked):
            return worked
        return self._again_if_cut_off(graph, session, answer, turn, worked)

    def _without_transaction(
        self, graph: Graph, session: Session | None, answer: Answer, hop: Hop, known: Known
    ) -> Worked | Known:
        """The step, if it needs no other facts than who calls; otherwise what is known of that now."""
        now = self._clock.now()
        facts = self._facts(known, now)
        outcome = step(graph, session, answer, facts, self._budget)
        if isinstance(outcome, Wanted) and not outcome.effects and outcome.facts <= CALLER_FACTS:
            known = self._caller(hop, now)
            facts.update(known.facts)
            outcome = step(graph, session, answer, facts, self._budget)
        return Worked(outcome, known) if isinstance(outcome, Step) else known

    def _facts(self, known: Known, now: datetime) -> dict[str, Any]:
        facts = dict(self._world.given(now))
        if 0 <= _milliseconds(now) - known.at < KNOWN_MILLISECONDS:
            facts.update(known.facts)
        return facts

    def _again_if_cut_off(
        self, graph: Graph, session: Session | None, answer: Answer | _Pin, turn: Turn, known: Known
    ) -> Worked:
        try:
            return self._transaction(graph, session, answer, turn, known)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # The database was started anew under us. All that a turn does, it does once: try it again.
            log.warning("connection lost in mid-hop", error=type(error).__name__)
            return self._transaction(graph, session, answer, turn, known)

    def _transaction(
        self, graph: Graph, session: Session | None, answer: Answer | _Pin, turn: Turn, known: Known
    ) -> Worked:
        now = self._clock.now()
        with self._sessions.begin() as database:
            visit = Visit(database, turn.hop, turn.key, turn.session_key, now, turn.in_doubt, turn.unseen)
            return self._step(graph, visit, session, answer, known)

    def _step(
        self, graph: Graph, visit: Visit, session: Session | None, answer: Answer | _Pin, known: Known
    ) -> Worked:
        began = time.monotonic()
        given = self._judge(answer, visit, session) if isinstance(answer, _Pin) else answer
        facts, does = self._facts(known, visit.now), False
        for _ in range(_ROUNDS_MAX):
            outcome = step(graph, session, given, facts, self._budget)
            if isinstance(outcome, Step):
                contribution_id: str = facts.get("save", {}).get("contribution_id", "")
                return Worked(outcome, NOTHING_KNOWN if does else known, contribution_id)
            if outcome.effects and not does:
                # Nothing is done on what was true a minute ago: the way here is walked on fresh facts.
                facts, does = self._facts(NOTHING_KNOWN, visit.now), True
                continue
            for name in outcome.facts:
                _within_time(began)
                facts[name] = self._world.fact(name, visit, outcome.session)
            for effect in outcome.effects:
                _within_time(began)
                perform = partial(self._world.perform, effect, visit)
                facts[effect.name] = self._once(visit, effect.name, perform)
        raise RuntimeError("the engine keeps asking")

    def _once(self, visit: Visit, name: str, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        key = visit.name_of(name)
        if visit.in_doubt and not self._results.remembered(visit.database, [key]):
            raise Held
        result: dict[str, Any] = self._results.once(visit.database, key, visit.now, act)
        return result

    def _judge(self, typed: _Pin, visit: Visit, session: Session | None) -> PinVerdict:
        assert session is not None
        if typed.expected.purpose == "check":
            # A verdict is that of one PIN on one screen: whoever walks here anew, or by another way, and
            # types another PIN is judged and counted.
            mark = self._world.mark_pin(typed.pin, f"{visit.session_key}:{session.screen}")
            visit = replace(visit, key=f"{visit.key}:{mark}")
            check = partial(self._check_pin, typed.pin, visit)
            return PinVerdict(**self._once(visit, "pin", check))
        if visit.unseen:
            raise Held
        if typed.expected.purpose == "set":
            return self._world.choose_pin(typed.pin, visit, session)
        return self._world.repeat_pin(typed.pin, session)

    def _check_pin(self, pin: str, visit: Visit) -> dict[str, Any]:
        verdict = self._world.check_pin(pin, visit)
        return {"kind": verdict.kind, "tries_left": verdict.tries_left, "minutes": verdict.minutes}


def _milliseconds(now: datetime) -> int:
    return int(now.timestamp() * 1000)


def _within_time(began: float) -> None:
    if time.monotonic() - began > _ASKING_SECONDS:
        raise TooSlow("the database is too slow for a hop")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
