"""The host of the menu engine: one post in, one reply out, whatever was posted before, twice or never.

A hop is identified by the session and how many answers it has seen. A post that was seen gets the reply it
had; text that grew is walked through, answer by answer; text that contradicts what was seen starts nothing.
A session is walked on the menus it began with, whichever release answers.

With the session store away or empty, cumulative text is walked through again from the start: effects and PIN
checks are remembered per hop in the database, so that walking again repeats none of them. Only the last
answer of such a text sets off something new (a saving confirmed, a PIN), and only on a screen that is known
to have been shown to it: the text could as well be a dial string, or facts may have changed since. Otherwise
it is asked once more.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

from redis.exceptions import RedisError

from core import outbox
from core.clock import Clock
from core.database import Sessions
from core.logging import log
from core.vault import Vault
from menus import Event, Graph, Opening, Session, adopt, render_notice
from ussd_app.gateway.funnel import Funnel, Marks
from ussd_app.gateway.graphs import Graphs
from ussd_app.gateway.hop import Hop, Reply, SessionEnd
from ussd_app.gateway.meaning import Again, Answers, Begins, Contradicts, is_alias, meaning_of, seen_of
from ussd_app.gateway.progress import Progress
from ussd_app.gateway.recent import RecentRecords
from ussd_app.gateway.session_store import Recall, Record, SessionStore
from ussd_app.gateway.turns import Held, Turn, Turns

_SEEN_PLACE: Final = "ussd.text"
_PHONE_PLACE: Final = "ussd.phone"
# More answers than any walk through the menus takes within one session of 180 seconds.
_ANSWERS_MAX: Final = 60
# The handset needs a moment to close its dialog before a wallet can open another.
_AFTER_END: Final = timedelta(seconds=1)


class Host:
    """Answers hops. Safe to use from many threads and processes at once."""

    def __init__(
        self,
        *,
        graphs: Graphs,
        store: SessionStore,
        sessions: Sessions,
        turns: Turns,
        funnel: Funnel,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._graphs = graphs
        self._store = store
        self._sessions = sessions
        self._turns = turns
        self._funnel = funnel
        self._vault = vault
        self._clock = clock
        self._recent = RecentRecords()

    def keep_menus(self) -> None:
        """Store the present menus, so that sessions of them can be ended by any later release."""
        self._graphs.keep()

    def answer(self, hop: Hop) -> Reply:
        """The reply to one post; the same post again gets the same reply and has no second effect."""
        key = self._key(hop.provider, hop.session_id, hop.phone.e164)
        return self._at_once(hop, key) or self._answered(hop, key)

    def _at_once(self, hop: Hop, key: str) -> Reply | None:
        """The reply to a plain dial of which the store knows nothing, or to one more answer to what this
        process stored last, worked without any effect.

        None when it takes more than that, or when the store holds anything else: nothing has happened then.
        """
        record = self._recent.take(key)
        return self._typed_at_once(hop, key, record) if record else self._dialled_at_once(hop, key)

    def _dialled_at_once(self, hop: Hop, key: str) -> Reply | None:
        if hop.text or hop.input != "cumulative":
            return None
        self._graphs.keep()
        worked = self._turns.dialled_at_once(self._graphs.current, hop)
        if worked is None or worked.step.ends:
            return None
        progress = Progress.opened(worked)
        record = self._record(hop, key, None, progress, self._now())
        try:
            if not self._store.begin(key, self._phone_index(hop), record):
                return None
        except RedisError:
            return None
        self._recent.keep(key, record)
        self._count(hop, None, record, progress)
        return progress.reply

    def _typed_at_once(self, hop: Hop, key: str, before: Record) -> Reply | None:
        session = before.session
        graph = self._graphs.get(session.graph) if session else None
        if session is None or graph is None:
            return None
        now = self._now()
        meaning = meaning_of(hop, before, partial(self._seen, key), now)
        if not isinstance(meaning, Answers) or len(meaning.parts) != 1 or before.answers >= _ANSWERS_MAX:
            return None
        worked = self._turns.at_once(graph, session, meaning.parts[0], hop, before.known)
        if worked is None:
            return None
        progress = Progress.of(before, session).after(worked, answers=before.answers + 1)
        record = self._record(hop, key, before, progress, now)
        try:
            if self._store_after(hop, key, before, record) is not record:
                return None
            reply = progress.reply
        except RedisError as error:
            # It may have been stored all the same: any other screen than this could be answered as this one.
            reply = self._not_stored(hop, key, progress, type(error).__name__)
        self._count(hop, before, record, progress)
        return reply

    def _answered(self, hop: Hop, key: str) -> Reply:
        record, recall, is_away = self._load(hop, key)
        meaning = meaning_of(hop, record, partial(self._seen, key), self._now())
        if isinstance(meaning, Again) and record is not None and record.reply:
            return Reply(record.reply, record.ends)
        if isinstance(meaning, Contradicts):
            return self._earlier(hop, key, record)
        if hop.input == "latest" and is_away:
            # Without the store nothing tells the next answer from the first: better an end than a circle.
            return self._trouble()
        if isinstance(meaning, Answers) and record is not None:
            progress = self._go_on(hop, key, record, meaning.parts)
        elif isinstance(meaning, Again):
            progress = self._anew(hop, key)
        else:
            parts = meaning.parts if isinstance(meaning, Begins) else ()
            progress = self._begin(hop, key, parts, recall or self._recall(hop, key))
        if progress.is_rebuilt:
            self._show(key, progress)
        return self._commit(hop, key, record, progress)

    def ended(self, end: SessionEnd) -> None:
        """The aggregator says the session is over: a prompt that waited for that may go ahead."""
        key = self._key(end.provider, end.session_id, end.phone.e164)
        try:
            record = self._store.load(key)
        except RedisError:
            return
        if record is None:
            return
        if record.contribution_id:
            soon = self._clock.now() + _AFTER_END
            with self._sessions.begin() as database:
                outbox.bring_forward(database, "prompt", record.contribution_id, soon)
        if end.dropped and not record.ends:
            self._abandoned(f"{key}:{record.epoch}", record, end.network_code)

    def _begin(self, hop: Hop, key: str, parts: tuple[str, ...], recall: Recall) -> Progress:
        """The first post we know of: a plain dial, a deep link, or a session whose record was lost.

        A dial string never answers screens (`*384*96*1*1#` must not save): text is walked through only when
        the store is away or has lately lost what it held, or screens of this very call were shown while it
        was.
        """
        self._graphs.keep()
        suspended = self._suspended(hop, recall)
        if hop.input == "latest":
            return self._open(hop, key, parts, suspended, epoch=_new_epoch())
        if not parts:
            return self._open(hop, key, (), suspended)
        shown = self._turns.shown(key, _ANSWERS_MAX)
        if not shown and not recall.lost_lately:
            return self._open(hop, key, parts, suspended)
        dialled, typed = (parts[:1], parts[1:]) if is_alias(parts[0]) else ((), parts)
        # What was shown first without the store offered no earlier session.
        progress = self._open(hop, key, dialled, None if 0 in shown else suspended, is_answered=bool(typed))
        rebuilt = self._answers(hop, key, progress, typed, shown)
        # What came before the last answer was counted when it came.
        return replace(rebuilt, walked=rebuilt.walked[-1:], is_rebuilt=True)

    def _anew(self, hop: Hop, key: str) -> Progress:
        """A session that cannot be read here begins again: nothing of it is taken for what it did before."""
        self._graphs.keep()
        return self._open(hop, key, (), None, epoch=_new_epoch())

    def _open(
        self,
        hop: Hop,
        key: str,
        link: tuple[str, ...],
        suspended: Session | None,
        epoch: str = "",
        *,
        is_answered: bool = False,
    ) -> Progress:
        """The first screen. `is_answered`: it was shown before, for answers to it are there already."""
        opening = Opening(link) if link else Opening(suspended=suspended)
        turn = Turn(hop, f"{key}:{epoch}" if epoch else key, 0, in_doubt=is_answered)
        return Progress.opened(self._turns.opened(self._graphs.current, opening, turn), epoch=epoch)

    def _go_on(self, hop: Hop, key: str, record: Record, parts: tuple[str, ...]) -> Progress:
        session = self._readable(record.session)
        if session is None:
            return self._anew(hop, key)
        progress = Progress.of(record, session)
        if len(parts) == 1:
            return self._answers(hop, key, progress, parts)
        shown = self._turns.shown(key, _ANSWERS_MAX)
        # Nobody types ahead of a dial string's first screen: it may have been an old post, come very late.
        is_late = record.answers == 0 and record.seen_length > 0
        is_behind = record.rebuilt or is_late or max(shown, default=-1) >= record.answers
        # A store that lost its records lately may have kept an old post that came again as the first it saw.
        if not is_behind and not self._recall(hop, key).lost_lately:
            return self._answers(hop, key, progress, parts)
        # These are not answers that got lost on their way to us: the caller went on while the store did not
        # keep what they saw, so that this record is not where they are.
        shown[record.answers] = self._seen(key, record.reply)
        return replace(self._answers(hop, key, progress, parts, shown), is_rebuilt=True)

    def _answers(
        self,
        hop: Hop,
        key: str,
        progress: Progress,
        parts: tuple[str, ...],
        shown: Mapping[int, str] | None = None,
    ) -> Progress:
        """Answer screen after screen. With `shown`, only the newest answer, and only to one of those screens,
        sets anything off.
        """
        total = progress.answers + len(parts)
        if total > _ANSWERS_MAX:
            return replace(progress, reply=self._trouble(progress.session), answers=total)
        graph = self._graph_of(progress.session)
        session_key = f"{key}:{progress.epoch}" if progress.epoch else key
        for part in parts:
            turn = Turn(hop, session_key, progress.answers + 1)
            if shown is not None:
                unseen = shown.get(progress.answers) != self._seen(key, progress.reply.text)
                is_newest = turn.number == total and turn.number > max(shown, default=0)
                turn = replace(turn, in_doubt=unseen or not is_newest, unseen=unseen)
            try:
                worked = self._turns.typed(graph, progress.session, part, turn, progress.known)
            except Held:
                progress = replace(progress, answers=turn.number)
            else:
                progress = progress.after(worked, answers=turn.number)
        return progress

    def _commit(self, hop: Hop, key: str, before: Record | None, progress: Progress) -> Reply:
        record = self._record(hop, key, before, progress, self._now())
        try:
            stored = self._store_after(hop, key, before, record)
        except RedisError as error:
            reply = self._not_stored(hop, key, progress, type(error).__name__)
        else:
            if stored is not record and stored is not None and stored.reply:
                # Somebody else's post is what the session stands on, and the next answer belongs to that
                # screen. Only a longer text says itself where it belongs: then this reply is still true.
                is_told = hop.input == "latest" or stored.seen_hash == record.seen_hash
                return Reply(stored.reply, stored.ends) if is_told else progress.reply
            reply = progress.reply
            if stored is not record:
                reply = self._not_stored(hop, key, progress, "the record is gone or not readable")
        self._count(hop, before, record, progress)
        return reply

    def _not_stored(self, hop: Hop, key: str, progress: Progress, why: str) -> Reply:
        """What can be said although the store may not have kept it; the database remembers that it was."""
        log.warning("session not stored", why=why)
        if hop.input == "latest" and not progress.reply.ends:
            # The next answer would be taken for one to the screen before: better an end than that.
            return self._trouble(progress.session)
        if not progress.is_rebuilt:
            self._show(key, progress)
        return progress.reply

    def _record(self, hop: Hop, key: str, before: Record | None, progress: Progress, at: int) -> Record:
        return progress.record(
            before, seen_length=len(hop.text), seen_hash=self._seen(key, seen_of(hop)), at=at
        )

    def _store_after(self, hop: Hop, key: str, before: Record | None, record: Record) -> Record | None:
        """What the store holds now: `record`, if it still held `before`."""
        is_cumulative = hop.input == "cumulative"
        stored = self._store.commit(
            key, self._phone_index(hop), record, after=before, keep_earlier=is_cumulative
        )
        if stored is record and not record.ends:
            self._recent.keep(key, record)
        return stored

    def _show(self, key: str, progress: Progress) -> None:
        self._turns.show(key, progress.answers, self._seen(key, progress.reply.text))

    def _count(self, hop: Hop, before: Record | None, record: Record, progress: Progress) -> None:
        session = progress.session
        waited_milliseconds = record.at - before.at if before else None
        marks = Marks(session.graph, session.language, hop.network_code)
        for answered_on, events in progress.walked:
            self._funnel.count(marks, events, answered_on, waited_milliseconds)
            waited_milliseconds = None

    def _earlier(self, hop: Hop, key: str, present: Record | None) -> Reply:
        """An older post again gets the reply it had; text that was never seen starts nothing."""
        try:
            record = self._store.earlier(key, self._seen(key, seen_of(hop)))
        except RedisError:
            record = None
        if record is not None and record.reply:
            return Reply(record.reply, record.ends)
        log.warning("contradicting text", provider=hop.provider)
        return self._trouble(present.session if present else None)

    def _abandoned(self, name: str, record: Record, network_code: str) -> None:
        """Count, once by this name, a session that was left while an answer was expected."""
        session = record.session
        try:
            is_first = session is not None and self._store.first_end(name)
        except RedisError:
            return
        if session is not None and is_first:
            marks = Marks(session.graph, session.language, network_code)
            self._funnel.count(marks, (Event("abandoned", session.screen),))

    def _load(self, hop: Hop, key: str) -> tuple[Record | None, Recall | None, bool]:
        """The session's record, what is recalled if it seems to begin, and whether the store is away."""
        try:
            if hop.starts:
                return *self._store.opening(key, self._phone_index(hop), self._clock.now()), False
            return self._store.load(key), None, False
        except RedisError as error:
            log.warning("session store away", error=type(error).__name__)
            return None, Recall(), True

    def _recall(self, hop: Hop, key: str) -> Recall:
        try:
            return self._store.opening(key, self._phone_index(hop), self._clock.now())[1]
        except RedisError:
            return Recall()

    def _suspended(self, hop: Hop, recall: Recall) -> Session | None:
        record = recall.record
        if record is None or record.ends:
            return None
        # Not every aggregator says that a session is over; that the caller dials again says it, too.
        self._abandoned(f"{recall.key}:{record.epoch}", record, hop.network_code)
        return record.session

    def _readable(self, session: Session | None) -> Session | None:
        """A session that can go on: on its own menus, else carried over to the present ones."""
        if session is None:
            return None
        if self._graphs.get(session.graph) is not None:
            return session
        return adopt(self._graphs.current, session)

    def _graph_of(self, session: Session) -> Graph:
        graph = self._graphs.get(session.graph)
        assert graph is not None
        return graph

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    def _seen(self, key: str, text: str) -> str:
        # Bound to the session: an answer, which may be a PIN, has a hash of its own in each.
        return self._vault.index(_SEEN_PLACE, f"{key}:{text}")

    def _phone_index(self, hop: Hop) -> str:
        return self._vault.index(_PHONE_PLACE, hop.phone.e164)

    def _key(self, provider: str, session_id: str, phone: str) -> str:
        # The phone is part of the key: a reused session id must never show one caller another's session.
        return self._vault.index(_PHONE_PLACE, f"{provider}:{session_id}:{phone}")

    def _trouble(self, session: Session | None = None) -> Reply:
        language = session.language if session else ""
        return Reply(render_notice(self._graphs.current, "trouble", language), ends=True)


def _new_epoch() -> str:
    return secrets.token_hex(8)
