"""USSD sessions in Redis: one read to load, one compare-and-set script to commit session and reply together.

A record holds no input: what was typed so far is kept as a keyed hash and a length, and the engine's session
(which may hold a national ID) is sealed.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from redis import Redis

from core.vault import Vault

_PLACE: Final = "ussd.session"
_SINCE_KEY: Final = "ussd:since"
_COMMIT: Final = """
local stored = redis.call('GET', KEYS[1])
local turn = stored and string.match(stored, '^(%d+)|') or '0'
if turn ~= ARGV[1] then return stored end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
if ARGV[4] == '' then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], KEYS[1], 'EX', ARGV[4]) end
return false
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A session as of its last hop: `turn` counts commits, `seen_*` describe the text that led here."""

    turn: int
    seen_length: int
    seen_hash: str
    answers: int
    session: str = field(repr=False)
    reply: str = field(repr=False)
    ends: bool
    contribution_id: str = ""


class SessionStore:
    """Loads and commits records. Every method may raise RedisError: the caller goes on without a store."""

    def __init__(
        self, redis: "Redis", vault: Vault, *, session_seconds: int, resume_seconds: int = 900
    ) -> None:
        self._redis = redis
        self._vault = vault
        self._session_seconds = max(session_seconds, resume_seconds)
        self._resume_seconds = resume_seconds
        self._commit = redis.register_script(_COMMIT)

    def load(self, key: str) -> Record | None:
        """The record of one session."""
        return self._read(self._redis.get(_session_key(key)))

    def latest_of(self, phone_index: str) -> Record | None:
        """The record of the phone's latest session that has not ended, for fifteen minutes."""
        key = self._redis.get(_phone_key(phone_index))
        return None if key is None else self._read(self._redis.get(key))

    def commit(self, key: str, phone_index: str, record: Record, *, after_turn: int) -> Record | None:
        """Store `record` if the stored turn is still `after_turn` (0: nothing stored).

        Returns None when stored, otherwise the record that somebody else stored first.
        """
        lost_to = self._commit(
            keys=[_session_key(key), _phone_key(phone_index)],
            args=[
                after_turn,
                self._write(record),
                self._session_seconds,
                "" if record.ends else self._resume_seconds,
            ],
        )
        return self._read(lost_to)

    def lost_lately(self, now: datetime) -> bool:
        """Whether what was stored may have been lost within the life of a session."""
        self._redis.set(_SINCE_KEY, int(now.timestamp()), nx=True)
        since = self._redis.get(_SINCE_KEY)
        return now.timestamp() - int(since or 0) < self._session_seconds

    def _write(self, record: Record) -> str:
        secret = json.dumps([record.session, record.reply], ensure_ascii=False)
        fields = [
            record.seen_length,
            record.seen_hash,
            record.answers,
            record.ends,
            record.contribution_id,
            self._vault.seal(_PLACE, secret),
        ]
        return f"{record.turn}|{json.dumps(fields)}"

    def _read(self, stored: Any) -> Record | None:
        if not stored:
            return None
        text = stored.decode() if isinstance(stored, bytes) else stored
        turn, _, body = text.partition("|")
        seen_length, seen_hash, answers, ends, contribution_id, sealed = json.loads(body)
        session, reply = json.loads(self._vault.open(_PLACE, sealed))
        return Record(int(turn), seen_length, seen_hash, answers, session, reply, ends, contribution_id)


def _session_key(key: str) -> str:
    return f"ussd:session:{key}"


def _phone_key(phone_index: str) -> str:
    return f"ussd:phone:{phone_index}"
