"""What the right reply is: the pure engine, asked the same answers in the same order, each worked once.

The model knows nothing of records, hashes, scripts, turns and transactions. It keeps what was said to which
text, and a town of its own. Losing the store means forgetting what was said, nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from menus import (
    Effect,
    Graph,
    Opening,
    PinVerdict,
    Session,
    Step,
    Typed,
    reads_as_pin,
    render_notice,
    step,
)
from operations.walks.stand_ins import DEAF_SECONDS, HISTORY_SECONDS, KEPT_SECONDS, SteppingClock
from operations.walks.town import Town
from ussd_app.gateway.hop import Hop, Reply
from ussd_app.gateway.meaning import CALL_MILLISECONDS, REPEAT_MILLISECONDS
from ussd_app.gateway.turns import CALLER_FACTS, KNOWN_MILLISECONDS

ANSWERS_MAX = 60
_ROUNDS_MAX = 20


@dataclass(frozen=True, slots=True)
class Told:
    """What is known about the caller, and since when."""

    facts: Mapping[str, Any]
    at: datetime


NOTHING_TOLD = Told({}, datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session is: the answers so far, the engine's session, the reply shown."""

    answers: int
    session: Session | None
    reply: Reply
    epoch: int = 0
    rebuilt: bool = False
    told: "Told" = field(default_factory=lambda: NOTHING_TOLD)


@dataclass
class Call:
    """One session as it is remembered: the last post, its place, and what was said to earlier texts."""

    text: str
    starts: bool
    place: Place
    at: datetime
    said: dict[str, Reply] = field(default_factory=dict)
    said_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """Whether an answer may set off anything new, and whether its screen was ever shown."""

    any: bool = False
    unseen: bool = False


class AskedInDoubtError(Exception):
    """An answer that may not set off what it would."""


class Model:
    """The right reply to every post. `town` is changed as the right replies demand."""

    def __init__(self, graph: Graph, town: Town, clock: SteppingClock, budget: int) -> None:
        self.graph = graph
        self.town = town
        self.clock = clock
        self.budget = budget
        self.gone = self.loses_answer = False
        self.deaf_until = clock.now()
        self.calls: dict[tuple[str, str], Call] = {}
        self.latest: dict[str, tuple[str, str]] = {}
        self.done: dict[tuple[object, ...], Any] = {}
        self.shown: dict[tuple[object, ...], str] = {}
        self.lost_at: datetime | None = None
        self.begun = 0

    @property
    def away(self) -> bool:
        """Whether the store does not answer now."""
        return self.gone or self.is_deaf

    @property
    def is_deaf(self) -> bool:
        """Whether it did not answer a moment ago, and is not asked again yet."""
        return self.clock.now() < self.deaf_until

    def lose(self) -> None:
        """The store forgets everything."""
        self.calls.clear()
        self.latest.clear()
        self.lost_at = None

    def remember_for_long(self) -> None:
        self.lost_at = datetime.min.replace(tzinfo=self.clock.now().tzinfo)

    def post(self, hop: Hop) -> Reply:
        """What is to be said to this post."""
        name = (hop.session_id, hop.phone.e164)
        call = None if self.away else self._alive(self.calls.get(name))
        if hop.input == "latest":
            return self._latest(hop, name, call)
        if call is None:
            return self._first(hop, name)
        if hop.text == call.text:
            return call.place.reply
        if call.text == "" or hop.text.startswith(f"{call.text}*"):
            new = hop.text[len(call.text) + 1 :] if call.text else hop.text
            parts = new.split("*")
            shown = self._shown(name)
            is_late = call.place.answers == 0 and call.text != ""
            is_behind = call.place.rebuilt or is_late or max(shown, default=-1) >= call.place.answers
            if len(parts) > 1 and (is_behind or self._lost()):
                shown[call.place.answers] = call.place.reply.text
                place = replace(self._answers(hop, name, call.place, parts, shown), rebuilt=True)
                self.shown.setdefault((*name, place.answers), place.reply.text)
            else:
                place = replace(self._answers(hop, name, call.place, parts), rebuilt=False)
            return self._keep(hop, name, call, place)
        recent = call.said_at is not None and self._since(call.said_at) < HISTORY_SECONDS
        trouble = self.trouble(call.place.session)
        return call.said.get(hop.text, trouble) if recent else trouble

    def trouble(self, session: Session | None = None) -> Reply:
        language = session.language if session else ""
        return Reply(render_notice(self.graph, self.graph.trouble, language), ends=True)

    def _latest(self, hop: Hop, name: tuple[str, str], call: Call | None) -> Reply:
        waited = (self._since(call.at) if call else 0) * 1000
        same = call is not None and (call.text, call.starts) == (hop.text, hop.starts)
        if call and same:
            ends, answers = call.place.reply.ends, call.place.answers
            again = ends or waited <= REPEAT_MILLISECONDS
            if hop.starts:
                again = answers == 0 and not ends and waited <= CALL_MILLISECONDS
            if again:
                return call.place.reply
        if self.away:
            return self.trouble()
        if hop.starts or call is None:
            self.begun += 1
            self._lost()
            link = tuple(hop.text.split("*")) if hop.starts and hop.text else ()
            place = self._open(hop, name, link, epoch=self.begun)
        else:
            place = self._answers(hop, name, call.place, [hop.text])
        return self._keep(hop, name, call, place)

    def _first(self, hop: Hop, name: tuple[str, str]) -> Reply:
        parts = hop.text.split("*") if hop.text else []
        lost, shown = self._lost(), self._shown(name)
        if not parts or not (lost or shown):
            place = self._open(hop, name, tuple(parts))
            if self.away:
                self.shown.setdefault((*name, place.answers), place.reply.text)
            return self._keep(hop, name, None, place)
        first = parts[0].strip()
        dialled = [parts.pop(0)] if len(first) > 1 and first not in {"00", "98"} else []
        # What was shown first without the store offered no earlier session.
        opened = self._open(hop, name, tuple(dialled), resumes=0 not in shown, is_answered=bool(parts))
        place = self._answers(hop, name, opened, parts, shown)
        self.shown.setdefault((*name, place.answers), place.reply.text)
        return self._keep(hop, name, None, replace(place, rebuilt=True))

    def _shown(self, name: tuple[str, str]) -> dict[int, str]:
        """Screens shown in this call while they were not kept, by the answers before them."""
        return {
            key[2]: text for key, text in self.shown.items() if key[:2] == name and isinstance(key[2], int)
        }

    def _keep(self, hop: Hop, name: tuple[str, str], before: Call | None, place: Place) -> Reply:
        if self.away:
            return place.reply
        call = Call(hop.text, hop.starts, place, self.clock.now())
        if before is not None:
            recent = before.said_at is not None and self._since(before.said_at) < HISTORY_SECONDS
            call.said = {**(before.said if recent else {}), before.text: before.place.reply}
            call.said_at = self.clock.now()
        self.calls[name] = call
        self.latest.pop(hop.phone.e164, None)
        if not place.reply.ends:
            self.latest[hop.phone.e164] = name
        return self._unheard(hop, name, place) if self.loses_answer else place.reply

    def _unheard(self, hop: Hop, name: tuple[str, str], place: Place) -> Reply:
        """What is said when the store has kept it and nobody heard that it had."""
        self.loses_answer = False
        self.deaf_until = self.clock.now() + timedelta(seconds=DEAF_SECONDS)
        if hop.input == "latest" and not place.reply.ends:
            return self.trouble(place.session)
        self.shown.setdefault((*name, place.answers), place.reply.text)
        return place.reply

    def _open(
        self,
        hop: Hop,
        name: tuple[str, str],
        link: tuple[str, ...],
        *,
        epoch: int = 0,
        resumes: bool = True,
        is_answered: bool = False,
    ) -> Place:
        opening = Opening(link) if link else Opening(suspended=self._suspended(hop) if resumes else None)
        told = Told(self.town.caller_of(hop.phone.e164), self.clock.now())
        place = Place(0, None, Reply("", ends=False), epoch, told=told)
        return self._step(hop, (*name, epoch, 0), place, opening, Doubt(is_answered))

    def _suspended(self, hop: Hop) -> Session | None:
        name = self.latest.get(hop.phone.e164)
        call = None if self.away or name is None else self._alive(self.calls.get(name))
        return None if call is None or call.place.reply.ends else call.place.session

    def _answers(
        self,
        hop: Hop,
        name: tuple[str, str],
        place: Place,
        parts: list[str],
        shown: Mapping[int, str] | None = None,
    ) -> Place:
        if place.answers + len(parts) > ANSWERS_MAX:
            return replace(place, answers=place.answers + len(parts), reply=self.trouble(place.session))
        total = place.answers + len(parts)
        for part in parts:
            number = place.answers + 1
            unseen = shown is not None and shown.get(place.answers) != place.reply.text
            newest = shown is None or (number == total and number > max(shown, default=0))
            key = (*name, place.epoch, number)
            doubt = Doubt(unseen or not newest, unseen)
            try:
                place = self._step(hop, key, replace(place, answers=number), part, doubt)
            except AskedInDoubtError:
                place = replace(place, answers=number)
        return place

    def _step(
        self, hop: Hop, key: tuple[object, ...], place: Place, given: str | Opening, doubt: Doubt
    ) -> Place:
        """What is known of the caller is told again for a minute, unless something is done on it."""
        opens = isinstance(given, Opening)
        answer = given if isinstance(given, Opening) else self._heard(hop, key, place.session, given, doubt)
        told, does, phone = place.told, False, hop.phone.e164
        facts = dict(told.facts) if self._since(told.at) * 1000 < KNOWN_MILLISECONDS else {}
        for number in range(_ROUNDS_MAX):
            outcome = step(self.graph, None if opens else place.session, answer, facts, self.budget)
            if isinstance(outcome, Step):
                told = NOTHING_TOLD if does else told
                return replace(
                    place, session=outcome.session, reply=Reply(outcome.text, outcome.ends), told=told
                )
            if outcome.effects and not does:
                facts, does = {}, True
                continue
            if number == 0 and outcome.facts and outcome.facts <= CALLER_FACTS and isinstance(answer, Typed):
                told = Told(self.town.caller_of(phone), self.clock.now())
            for fact in outcome.facts:
                facts[fact] = (
                    self.town.own_pin_of(phone, (*key, fact), in_doubt=doubt.any)
                    if fact == "own_pin"
                    else self.town.fact_of(fact, phone, outcome.session)
                )
            for effect in outcome.effects:
                facts[effect.name] = self._once(hop, key, effect, doubt)
        raise AssertionError("the engine keeps asking")

    def _once(self, hop: Hop, key: tuple[object, ...], effect: Effect, doubt: Doubt) -> Any:
        name = (*key, effect.name)
        if name not in self.done:
            if doubt.any:
                raise AskedInDoubtError
            self.done[name] = self.town.perform_for(effect, hop.phone.e164)
        return self.done[name]

    def _heard(
        self, hop: Hop, key: tuple[object, ...], session: Session | None, text: str, doubt: Doubt
    ) -> Typed | PinVerdict:
        assert session is not None
        expected = self.graph.expects(session)
        if expected.kind != "pin" or not reads_as_pin(text):
            return Typed(text)
        pin = text.strip()
        name = (*key, "pin", session.screen, pin)
        if expected.purpose == "check":
            if name not in self.done:
                if doubt.any:
                    raise AskedInDoubtError
                self.done[name] = self.town.check_pin_of(pin, hop.phone.e164)
            verdict: PinVerdict = self.done[name]
            return verdict
        if doubt.unseen:
            raise AskedInDoubtError
        if expected.purpose == "repeat":
            return self.town.repeat_pin(pin, session)
        return self.town.choose_pin(pin, None, session)  # type: ignore[arg-type]  # the town does not look at it

    def _lost(self) -> bool:
        """Whether the store may have lost something; the first call that begins shows it to be there."""
        if self.away:
            return True
        self.lost_at = self.lost_at or self.clock.now()
        return self._since(self.lost_at) < KEPT_SECONDS

    def _alive(self, call: Call | None) -> Call | None:
        return call if call is not None and self._since(call.at) < KEPT_SECONDS else None

    def _since(self, at: datetime) -> float:
        return (self.clock.now() - at).total_seconds()
