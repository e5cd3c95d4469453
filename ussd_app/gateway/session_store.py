"""USSD sessions in Redis: one read to load, one compare-and-set script to commit session and reply together.
A plain dial of which nothing is known takes one script alone.

A record is a stamp (plain fields that tell it from every other) and a sealed rest. It holds no input: what
was typed so far is kept as a keyed hash and a length, and the engine's session (which may hold a national ID)
is sealed. The records before it stay for a while under the hash of the text that led to them, so that an
older post that arrives again gets its own reply again.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from datetime import datetime
from typing import Any, Final

import orjson
from redis import Redis
from redis.exceptions import ConnectionError as RedisAwayError
from redis.exceptions import NoScriptError, RedisError

from core.logging import log
from core.vault import UnreadableSecret, Vault, key_of_bytes
from menus import Session, SessionUnreadableError, value
from ussd_app.gateway.store_lines import StoreLines
from ussd_app.gateway.turns import NOTHING_KNOWN, Known

_PLACE: Final = "ussd.session"
_SESSION: Final = "ussd:session:"
_EARLIER: Final = "ussd:earlier:"
_SINCE_KEY: Final = "ussd:since"
# A store that just failed is not asked again for so long, so that a hop waits for it at most once.
_AWAY_SECONDS: Final = 1.0
_COMMIT: Final = b"""
local stored = redis.call('GET', KEYS[1])
if ARGV[1] == '' and stored or string.sub(stored or '', 1, #ARGV[1]) ~= ARGV[1] then return stored or '' end
if stored and ARGV[5] ~= '' then
  redis.call('HSET', KEYS[3], string.match(stored, '^%d+|([^|]*)|'), stored)
  redis.call('EXPIRE', KEYS[3], ARGV[5])
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
if ARGV[4] == '' then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], KEYS[1], 'EX', ARGV[4]) end
return false
"""
# For a dial of which nothing is known: a session, a dropped one of the same phone, or a store without its
# beginning, and nothing is stored.
_BEGIN: Final = b"""
if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 or redis.call('EXISTS', KEYS[3]) == 0 then return '' end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('SET', KEYS[2], KEYS[1], 'EX', ARGV[3])
return false
"""
_COMMIT_SHA: Final = hashlib.sha1(_COMMIT, usedforsecurity=False).hexdigest()
_BEGIN_SHA: Final = hashlib.sha1(_BEGIN, usedforsecurity=False).hexdigest()
_KEYS: Final = 3
_SEPARATOR: Final = b"|"
_STAMP_FIELDS: Final = 9
_COUNTED_AT_ONCE: Final = 500


@value
class Record:
    """A session as of its last hop: `turn` counts commits, `seen_*` describe the text that led here.

    `at` is when, in milliseconds since 1970. `epoch` tells sessions apart that share an id. `rebuilt`: made
    from the text of a session whose record was lost, perhaps from an older post than the caller is at.
    `session` is None, and `reply` perhaps empty, when this release cannot read it.
    """

    turn: int
    seen_length: int
    seen_hash: str
    answers: int
    session: Session | None = field(repr=False)
    reply: str = field(repr=False)
    ends: bool
    at: int = 0
    epoch: str = ""
    contribution_id: str = ""
    rebuilt: bool = False
    known: Known = field(default_factory=Known, repr=False)

    def stamp(self) -> bytes:
        """The plain fields, each with a separator behind it: no two records of a session have the same."""
        return (
            f"{self.turn}|{self.seen_hash}|{self.seen_length}|{self.answers}|{self.ends:d}|{self.at}|"
            f"{self.epoch}|{self.contribution_id}|{self.rebuilt:d}|"
        ).encode()


@value
class Recall:
    """What there is to know when a session begins: key and record of the phone's latest session, for fifteen
    minutes, if it has not ended; and whether the store may have lost what it held within a session's life.
    """

    key: str = ""
    record: Record | None = None
    lost_lately: bool = True


class SessionStore:
    """Loads and commits records. Every method may raise RedisError: the caller goes on without a store."""

    def __init__(
        self, redis: "Redis", vault: Vault, *, session_seconds: int, resume_seconds: int = 900
    ) -> None:
        self._lines = StoreLines(redis)
        self._vault = vault
        self._session_seconds = session_seconds
        self._kept_seconds = max(session_seconds, resume_seconds)
        self._resume_seconds = resume_seconds
        self._away_until = 0.0

    def close(self) -> None:
        """Let go of its connections."""
        self._lines.close()

    def load(self, key: str) -> Record | None:
        """The record of one session; None also when nothing of it can be read."""
        return self._read(self._ask("GET", _session_key(key)))

    def opening(self, key: str, phone_index: str, now: datetime) -> tuple[Record | None, Recall]:
        """The record of a session that seems to begin, and what there is to know if it does."""
        names = _session_key(key), _phone_key(phone_index), _SINCE_KEY
        stored, latest, since = self._ask("MGET", *names)
        present = int(now.timestamp())
        if since is None:
            since = self._ask("SET", _SINCE_KEY, present, "NX", "GET")
        lost_lately = since is None or present - int(since) < self._kept_seconds
        if latest is None:
            return self._read(stored), Recall(lost_lately=lost_lately)
        earlier: str = latest.decode()
        recalled = stored if earlier == names[0] else self._ask("GET", earlier)
        recall = Recall(earlier.removeprefix(_SESSION), self._read(recalled), lost_lately)
        return self._read(stored), recall

    def earlier(self, key: str, seen_hash: str) -> Record | None:
        """The record as it was when the text of this hash had been worked."""
        return self._read(self._ask("HGET", _earlier_key(key), seen_hash))

    def commit(
        self, key: str, phone_index: str, record: Record, *, after: Record | None, keep_earlier: bool
    ) -> Record | None:
        """Store `record` if what is stored is exactly `after` (None: nothing).

        Returns what is stored now: `record` itself, what somebody else stored first, or None when there is
        nothing any more.
        """
        instead = self._run(
            _COMMIT,
            _COMMIT_SHA,
            _session_key(key),
            _phone_key(phone_index),
            _earlier_key(key),
            after.stamp() if after else b"",
            self._written(record),
            self._kept_seconds,
            "" if record.ends else self._resume_seconds,
            self._session_seconds if keep_earlier else "",
        )
        return record if instead is None else self._read(instead)

    def begin(self, key: str, phone_index: str, record: Record) -> bool:
        """Store the first record of a session that goes on, if `opening` would have found nothing to know."""
        names = _session_key(key), _phone_key(phone_index), _SINCE_KEY
        told = self._written(record), self._kept_seconds, self._resume_seconds
        return self._run(_BEGIN, _BEGIN_SHA, *names, *told) is None

    def _written(self, record: Record) -> bytes:
        return record.stamp() + self._vault.seal_bytes(_PLACE, _secret(record))

    def _run(self, script: bytes, sha: str, *arguments: str | bytes | int) -> Any:
        try:
            return self._ask("EVALSHA", sha, _KEYS, *arguments)
        except NoScriptError:
            return self._ask("EVAL", script, _KEYS, *arguments)

    def first_end(self, key: str) -> bool:
        """True for the first who says that this session is over without an end."""
        return bool(self._ask("SET", _ended_key(key), 1, "NX", "EX", self._kept_seconds))

    def _ask(self, *command: str | bytes | int) -> Any:
        if time.monotonic() < self._away_until:
            raise RedisAwayError("the session store did not answer a moment ago")
        try:
            return self._lines.ask(*command)
        except NoScriptError:
            raise
        except RedisError:
            self._away_until = time.monotonic() + _AWAY_SECONDS
            raise

    def _read(self, stored: bytes | None) -> Record | None:
        if not stored:
            return None
        try:
            *fields, sealed = stored.split(_SEPARATOR, _STAMP_FIELDS)
            plain = map(bytes.decode, fields)
            turn, seen_hash, length, answers, ends, at, epoch, contribution_id, rebuilt = plain
            session, reply, known = self._opened(sealed)
            return Record(
                int(turn),
                int(length),
                seen_hash,
                int(answers),
                session,
                reply,
                ends == "1",
                int(at),
                epoch,
                contribution_id,
                rebuilt == "1",
                known,
            )
        except ValueError:
            log.warning("session record of another shape")
            return None

    def _opened(self, sealed: bytes) -> tuple[Session | None, str, Known]:
        """What is sealed in a record: nothing, where another release wrote it, or the key is not here."""
        try:
            session, reply, facts, facts_at = orjson.loads(self._vault.open_bytes(_PLACE, sealed))
        except (UnreadableSecret, ValueError) as error:
            log.warning("session record not readable", error=type(error).__name__)
            return None, "", NOTHING_KNOWN
        return _session(session), reply, Known(facts, facts_at)


def _secret(record: Record) -> bytes:
    session = record.session.to_fields() if record.session else []
    return orjson.dumps([session, record.reply, record.known.facts, record.known.at])


def _session(fields: object) -> Session | None:
    try:
        return Session.from_fields(fields)
    except SessionUnreadableError:
        return None


def _session_key(key: str) -> str:
    return f"{_SESSION}{key}"


def _earlier_key(key: str) -> str:
    return f"{_EARLIER}{key}"


def _ended_key(key: str) -> str:
    return f"ussd:ended:{key}"


def _phone_key(phone_index: str) -> str:
    return f"ussd:phone:{phone_index}"


def records_by_key(redis: "Redis") -> Counter[str]:
    """How many records there are now, by the id of the key that sealed them: each is gone fifteen minutes
    after its last hop at most.
    """
    found: Counter[str] = Counter()
    for stored in _all_stored(redis):
        found[key_of_bytes(stored.split(_SEPARATOR, _STAMP_FIELDS)[-1])] += 1
    return found


def _all_stored(redis: "Redis") -> Iterator[bytes]:
    for name in redis.scan_iter(f"{_SESSION}*", count=_COUNTED_AT_ONCE):
        stored = redis.get(name)
        if isinstance(stored, bytes):
            yield stored
    for name in redis.scan_iter(f"{_EARLIER}*", count=_COUNTED_AT_ONCE):
        yield from (stored for stored in redis.hvals(name) if isinstance(stored, bytes))
