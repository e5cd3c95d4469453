"""The host of the menu engine: one post in, one reply out, whatever was posted before, twice or never.

A hop is identified by the session and how many answers its text holds. Text that was seen gets the stored
reply; text that grew is walked through, answer by answer; text that contradicts what was seen starts nothing.
With the session store away or empty, the whole text is walked through again: effects and PIN checks are
remembered per hop in the database, so that walking again repeats none of them. What such a first post would
newly set off (a saving confirmed, a PIN) is not done but asked again, because the same post could as well be
a dial string; from the next post on the session is known to be live.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

import structlog
from redis.exceptions import RedisError
from sqlalchemy.orm import Session as DatabaseSession

from core import outbox
from core.clock import Clock
from core.database import Sessions
from core.vault import Vault
from menus import (
    Effect,
    Expectation,
    Graph,
    Opening,
    PinVerdict,
    Session,
    SessionUnreadableError,
    Step,
    Typed,
    adopt,
    reads_as_pin,
    render_notice,
    step,
)
from menus.engine.model import HOME, MORE, Answer
from ussd_app.gateway.hop import Hop, Reply, SessionEnd
from ussd_app.gateway.once import is_remembered, once
from ussd_app.gateway.session_store import Record, SessionStore

_SEEN_PLACE: Final = "ussd.text"
_PHONE_PLACE: Final = "ussd.phone"
_SEPARATOR: Final = "*"
# More answers than any walk through the menus takes within one session of 180 seconds.
_ANSWERS_MAX: Final = 60
_ROUNDS_MAX: Final = 20
# The handset needs a moment to close its dialog before a wallet can open another.
_AFTER_END: Final = timedelta(seconds=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Visit:
    """One answer being worked: what facts and effects may need to know. `key` names this answer for ever.

    `in_doubt`: it may have been dialled rather than answered, so it sets off nothing new.
    """

    database: DatabaseSession
    hop: Hop
    key: str
    session_key: str
    now: datetime
    in_doubt: bool = False


class World(Protocol):
    """What the host asks of the rooms that know things."""

    def fact(self, name: str, visit: Visit, draft: Session) -> Any:
        """The fact `name` for this caller (shapes in `menus.facts`)."""
        ...

    def perform(self, effect: Effect, visit: Visit) -> dict[str, Any]:
        """Do what an effect says, in the visit's transaction; the result is JSON-like and not personal."""
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


@dataclass(frozen=True, slots=True)
class _Progress:
    """A session as far as it has been walked."""

    session: Session
    reply: Reply
    answers: int
    contribution_id: str = ""


class Host:
    """Answers hops. Safe to use from many threads and processes at once."""

    def __init__(
        self,
        *,
        graph: Graph,
        store: SessionStore,
        sessions: Sessions,
        world: World,
        vault: Vault,
        clock: Clock,
        budget: int,
    ) -> None:
        self._graph = graph
        self._store = store
        self._sessions = sessions
        self._world = world
        self._vault = vault
        self._clock = clock
        self._budget = budget

    def answer(self, hop: Hop) -> Reply:
        """The reply to one post; the same post again gets the same reply and has no second effect."""
        session_key = self._session_key(hop)
        record = self._load(session_key)
        seen = self._seen(hop.text)
        if record is not None and (record.seen_length, record.seen_hash) == (len(hop.text), seen):
            return Reply(record.reply, record.ends)
        if record is None or not hop.text:
            progress = self._begin(hop, session_key)
        elif self._grew(record, hop.text):
            parts = hop.text[record.seen_length + 1 :] if record.seen_length else hop.text
            progress = self._go_on(hop, session_key, record, parts.split(_SEPARATOR))
        else:
            log.warning("contradicting text", provider=hop.provider)
            return self._notice("trouble")
        return self._commit(hop, session_key, record, seen, progress)

    def ended(self, end: SessionEnd) -> None:
        """The aggregator says the session is over: a prompt that waited for that may go ahead."""
        record = self._load(self._key(end.provider, end.session_id, end.phone.e164))
        if record is not None and record.contribution_id:
            soon = self._clock.now() + _AFTER_END
            with self._sessions.begin() as database:
                outbox.bring_forward(database, "prompt", record.contribution_id, soon)

    def _begin(self, hop: Hop, session_key: str) -> _Progress:
        """The first post we know of: a plain dial, a deep link, or a session whose record was lost.

        A dial string never answers screens (`*384*96*1*1#` must not save): text is walked through only when
        the store is away or has lately lost what it held.
        """
        if not hop.text:
            opening = Opening(suspended=self._suspended(hop))
            return self._walk(hop, session_key, None, opening, 0)
        parts = hop.text.split(_SEPARATOR)
        if not self._lost():
            return self._walk(hop, session_key, None, Opening(link=tuple(parts)), 0)
        dialled = [parts.pop(0)] if _is_alias(parts[0]) else []
        with self._sessions.begin() as database:
            key = _digest(f"{session_key}:first post")
            first: int = once(database, key, self._clock.now(), lambda: len(parts))
        progress = self._walk(hop, session_key, None, Opening(link=tuple(dialled)), 0)
        return self._answers(hop, session_key, progress, parts, doubtful=first)

    def _go_on(self, hop: Hop, session_key: str, record: Record, parts: list[str]) -> _Progress:
        session = self._readable(record.session)
        if session is None:
            return self._begin(replace(hop, text=""), session_key)
        progress = _Progress(
            session, Reply(record.reply, record.ends), record.answers, record.contribution_id
        )
        return self._answers(hop, session_key, progress, parts)

    def _answers(
        self, hop: Hop, session_key: str, progress: _Progress, parts: list[str], *, doubtful: int = 0
    ) -> _Progress:
        """Answer screen after screen. The first `doubtful` answers set off nothing new."""
        if progress.answers + len(parts) > _ANSWERS_MAX:
            return replace(progress, reply=self._notice("trouble"), answers=progress.answers + len(parts))
        for part in parts:
            answers = progress.answers + 1
            expected = self._graph.expects(progress.session)
            is_pin = expected.kind == "pin" and reads_as_pin(part)
            answer = _Pin(part.strip(), expected) if is_pin else Typed(part)
            try:
                progress = self._walk(
                    hop, session_key, progress, answer, answers, in_doubt=answers <= doubtful
                )
            except _Held:
                progress = replace(progress, answers=answers)
        return progress

    def _walk(
        self,
        hop: Hop,
        session_key: str,
        before: _Progress | None,
        answer: "Answer | _Pin",
        answers: int,
        *,
        in_doubt: bool = False,
    ) -> _Progress:
        key = f"{session_key}:{answers}"
        with self._sessions.begin() as database:
            visit = Visit(database, hop, key, session_key, self._clock.now(), in_doubt)
            done, facts = self._step(visit, before.session if before else None, answer)
        saved = facts.get("save", {}).get("contribution_id", "")
        contribution_id = saved or (before.contribution_id if before else "")
        return _Progress(done.session, Reply(done.text, done.ends), answers, contribution_id)

    def _step(
        self, visit: Visit, session: Session | None, answer: "Answer | _Pin"
    ) -> tuple[Step, dict[str, Any]]:
        given = self._judge(answer, visit, session) if isinstance(answer, _Pin) else answer
        facts: dict[str, Any] = {}
        for _ in range(_ROUNDS_MAX):
            outcome = step(self._graph, session, given, facts, self._budget)
            if isinstance(outcome, Step):
                return outcome, facts
            for name in outcome.facts:
                facts[name] = self._world.fact(name, visit, outcome.session)
            for effect in outcome.effects:
                perform = partial(self._world.perform, effect, visit)
                facts[effect.name] = self._once(visit, effect.name, perform)
        raise RuntimeError("the engine keeps asking")

    def _once(self, visit: Visit, name: str, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        key = _digest(f"{visit.key}:{name}")
        if visit.in_doubt and not is_remembered(visit.database, key):
            raise _Held
        result: dict[str, Any] = once(visit.database, key, visit.now, act)
        return result

    def _judge(self, typed: "_Pin", visit: Visit, session: Session | None) -> PinVerdict:
        assert session is not None
        if typed.expected.purpose == "check":
            check = partial(self._check_pin, typed.pin, visit)
            return PinVerdict(**self._once(visit, "pin", check))
        if visit.in_doubt:
            raise _Held
        if typed.expected.purpose == "set":
            return self._world.choose_pin(typed.pin, visit, session)
        return self._world.repeat_pin(typed.pin, session)

    def _check_pin(self, pin: str, visit: Visit) -> dict[str, Any]:
        verdict = self._world.check_pin(pin, visit)
        return {"kind": verdict.kind, "tries_left": verdict.tries_left, "minutes": verdict.minutes}

    def _commit(
        self, hop: Hop, session_key: str, before: Record | None, seen: str, progress: _Progress
    ) -> Reply:
        turn = before.turn if before else 0
        record = Record(
            turn=turn + 1,
            seen_length=len(hop.text),
            seen_hash=seen,
            answers=progress.answers,
            session=progress.session.to_json(),
            reply=progress.reply.text,
            ends=progress.reply.ends,
            contribution_id=progress.contribution_id,
        )
        try:
            first = self._store.commit(session_key, self._phone_index(hop), record, after_turn=turn)
        except RedisError as error:
            log.warning("session not stored", error=type(error).__name__)
            return progress.reply
        if first is not None and (first.seen_length, first.seen_hash) == (record.seen_length, seen):
            return Reply(first.reply, first.ends)
        # Lost to another post that got further or elsewhere: its session stands, this reply is still true.
        return progress.reply

    def _load(self, session_key: str) -> Record | None:
        try:
            return self._store.load(session_key)
        except RedisError as error:
            log.warning("session store away", error=type(error).__name__)
            return None

    def _lost(self) -> bool:
        try:
            return self._store.lost_lately(self._clock.now())
        except RedisError:
            return True

    def _suspended(self, hop: Hop) -> Session | None:
        try:
            record = self._store.latest_of(self._phone_index(hop))
        except RedisError:
            return None
        return None if record is None or record.ends else self._readable(record.session)

    def _readable(self, stored: str) -> Session | None:
        try:
            session = Session.from_json(stored)
        except SessionUnreadableError:
            return None
        return adopt(self._graph, session)

    def _grew(self, record: Record, text: str) -> bool:
        if record.seen_length == 0:
            return True
        seen, following = text[: record.seen_length], text[record.seen_length : record.seen_length + 1]
        return following == _SEPARATOR and self._seen(seen) == record.seen_hash

    def _seen(self, text: str) -> str:
        return self._vault.index(_SEEN_PLACE, text)

    def _phone_index(self, hop: Hop) -> str:
        return self._vault.index(_PHONE_PLACE, hop.phone.e164)

    def _session_key(self, hop: Hop) -> str:
        return self._key(hop.provider, hop.session_id, hop.phone.e164)

    def _key(self, provider: str, session_id: str, phone: str) -> str:
        # The phone is part of the key: a reused session id must never show one caller another's session.
        return self._vault.index(_PHONE_PLACE, f"{provider}:{session_id}:{phone}")

    def _notice(self, name: str) -> Reply:
        return Reply(render_notice(self._graph, name, self._graph.default_language), ends=True)


class _Held(Exception):  # noqa: N818 -- it says what happened to the answer
    """An answer in doubt would have set something off."""


@dataclass(frozen=True, slots=True, repr=False)
class _Pin:
    """A PIN on its way to be judged; it goes nowhere else."""

    pin: str
    expected: Expectation


def _is_alias(part: str) -> bool:
    # Options have one digit and navigation two known ones; an alias is neither.
    return len(part.strip()) > 1 and part.strip() not in {HOME, MORE}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
