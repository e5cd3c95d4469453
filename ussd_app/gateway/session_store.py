"""USSD sessions in Redis: one read to load, one compare-and-set script to commit session and reply together.

A record holds no input: what was typed so far is kept as a keyed hash and a length, and the engine's session
(which may hold a national ID) is sealed. The records before it stay for a while under the hash of the text
that led to them, so that an older post that arrives again gets its own reply again.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from redis import Redis
from redis.exceptions import ConnectionError as RedisAwayError
from redis.exceptions import RedisError

from core.vault import Vault

_PLACE: Final = "ussd.session"
_SESSION: Final = "ussd:session:"
_SINCE_KEY: Final = "ussd:since"
# A store that just failed is not asked again for so long, so that a hop waits for it at most once.
_AWAY_SECONDS: Final = 1.0
_COMMIT: Final = """
local stored = redis.call('GET', KEYS[1])
local turn, seen = '0', ''
if stored then turn, seen = string.match(stored, '^(%d+)|([^|]*)|') end
if turn ~= ARGV[1] then return stored end
if stored and ARGV[5] ~= '' then
  redis.call('HSET', KEYS[3], seen, stored)
  redis.call('EXPIRE', KEYS[3], ARGV[5])
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
if ARGV[4] == '' then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], KEYS[1], 'EX', ARGV[4]) end
return false
"""
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Record:
    """A session as of its last hop: `turn` counts commits, `seen_*` describe the text that led here.

    `at` is when, in milliseconds since 1970. `epoch` tells sessions apart that share an id.
    """

    turn: int
    seen_length: int
    seen_hash: str
    answers: int
    session: str = field(repr=False)
    reply: str = field(repr=False)
    ends: bool
    at: int = 0
    epoch: str = ""
    contribution_id: str = ""


class SessionStore:
    """Loads and commits records. Every method may raise RedisError: the caller goes on without a store."""

    def __init__(
        self, redis: "Redis", vault: Vault, *, session_seconds: int, resume_seconds: int = 900
    ) -> None:
        self._redis = redis
        self._vault = vault
        self._session_seconds = session_seconds
        self._kept_seconds = max(session_seconds, resume_seconds)
        self._resume_seconds = resume_seconds
        self._commit = redis.register_script(_COMMIT)
        self._away_until = 0.0

    def load(self, key: str) -> Record | None:
        """The record of one session."""
        return self._read(self._ask(lambda: self._redis.get(_session_key(key))))

    def earlier(self, key: str, seen_hash: str) -> Record | None:
        """The record as it was when the text of this hash had been worked."""
        return self._read(self._ask(lambda: self._redis.hget(_earlier_key(key), seen_hash)))

    def latest_of(self, phone_index: str) -> tuple[str, Record | None]:
        """Key and record of the phone's latest session that has not ended, for fifteen minutes."""
        stored = self._ask(lambda: self._redis.get(_phone_key(phone_index)))
        if not isinstance(stored, bytes):
            return "", None
        key = stored.decode()
        return key.removeprefix(_SESSION), self._read(self._ask(lambda: self._redis.get(key)))

    def commit(
        self, key: str, phone_index: str, record: Record, *, after_turn: int, keep_earlier: bool
    ) -> Record | None:
        """Store `record` if the stored turn is still `after_turn` (0: nothing stored).

        Returns None when stored, otherwise the record that somebody else stored first.
        """
        keys = [_session_key(key), _phone_key(phone_index), _earlier_key(key)]
        args: list[int | str] = [
            after_turn,
            self._write(record),
            self._kept_seconds,
            "" if record.ends else self._resume_seconds,
            self._session_seconds if keep_earlier else "",
        ]
        return self._read(self._ask(lambda: self._commit(keys=keys, args=args)))

    def lost_lately(self, now: datetime) -> bool:
        """Whether what was stored may have been lost within the life of a session."""
        began = int(now.timestamp())
        since = self._ask(lambda: self._redis.set(_SINCE_KEY, began, nx=True, get=True))
        return since is None or began - int(since) < self._kept_seconds

    def first_end(self, key: str) -> bool:
        """True for the first who says that this session is over without an end."""
        asked = self._ask(lambda: self._redis.set(_ended_key(key), 1, nx=True, ex=self._kept_seconds))
        return bool(asked)

    def _ask(self, question: Callable[[], _Result]) -> _Result:
        if time.monotonic() < self._away_until:
            raise RedisAwayError("the session store did not answer a moment ago")
        try:
            return question()
        except RedisError:
            self._away_until = time.monotonic() + _AWAY_SECONDS
            raise

    def _write(self, record: Record) -> str:
        secret = json.dumps([record.session, record.reply], ensure_ascii=False)
        fields = [
            record.seen_length,
            record.answers,
            record.ends,
            record.at,
            record.epoch,
            record.contribution_id,
            self._vault.seal(_PLACE, secret),
        ]
        return f"{record.turn}|{record.seen_hash}|{json.dumps(fields)}"

    def _read(self, stored: Any) -> Record | None:
        if not stored:
            return None
        text = stored.decode() if isinstance(stored, bytes) else stored
        turn, seen_hash, body = text.split("|", 2)
        seen_length, answers, ends, at, epoch, contribution_id, sealed = json.loads(body)
        session, reply = json.loads(self._vault.open(_PLACE, sealed))
        return Record(
            int(turn), seen_length, seen_hash, answers, session, reply, ends, at, epoch, contribution_id
        )


def _session_key(key: str) -> str:
    return f"{_SESSION}{key}"


def _earlier_key(key: str) -> str:
    return f"ussd:earlier:{key}"


def _ended_key(key: str) -> str:
    return f"ussd:ended:{key}"


def _phone_key(phone_index: str) -> str:
    return f"ussd:phone:{phone_index}"
