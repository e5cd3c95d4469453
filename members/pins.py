"""PINs: which are too weak, how one is kept, how often one may be wrong."""

import hashlib
import hmac
import math
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import InvalidValue
from members.tables import PinRow

WRONG_MAX = 3
LOCK_MINUTES = 30
_RUNS = ("0123456789", "9876543210", "1234567890", "0987654321")


class PinWeakness(StrEnum):
    """Why a PIN is refused."""

    NOT_FOUR_DIGITS = "not_four_digits"
    REPEATED = "repeated"
    SEQUENCE = "sequence"
    BIRTH_YEAR = "birth_year"


def weak_pin_reason(pin: str, birth_year: int | None) -> PinWeakness | None:
    """Why `pin` would be guessed, or None. `birth_year` is None while the registry has not answered."""
    if not re.fullmatch(r"[0-9]{4}", pin):
        return PinWeakness.NOT_FOUR_DIGITS
    if len(set(pin)) == 1:
        return PinWeakness.REPEATED
    if any(pin in run for run in _RUNS):
        return PinWeakness.SEQUENCE
    if birth_year is not None and pin == f"{birth_year:04}":
        return PinWeakness.BIRTH_YEAR
    return None


@dataclass(frozen=True, slots=True)
class Right:
    """The PIN is theirs."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """The PIN is not theirs; `tries_left` is at least one."""

    tries_left: int


@dataclass(frozen=True, slots=True)
class Locked:
    """No PIN is looked at for `minutes` more."""

    minutes: int


Verdict = Right | Wrong | Locked


def pin_hasher(*, time_cost: int = 2, memory_kib: int = 19_456, parallelism: int = 1) -> PasswordHasher:
    """Argon2id with OWASP's second recommended parameters (t=2, m=19 MiB, p=1) unless told otherwise."""
    return PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)


def minutes_locked(row: PinRow, now: datetime) -> int:
    """Minutes until a PIN is looked at again, rounded up; 0 when it is."""
    if row.locked_until is None or row.locked_until <= now:
        return 0
    return math.ceil((row.locked_until - now) / timedelta(minutes=1))


class Pins:
    """Hashes and checks PINs. Without `pepper`, which no database holds, four digits would be no secret."""

    def __init__(self, pepper: bytes, hasher: PasswordHasher, clock: Clock) -> None:
        self._pepper = pepper
        self._hasher = hasher
        self._clock = clock

    def hash_new(self, pin: str) -> str:
        """The only form of a PIN that is kept anywhere: argon2id over HMAC-SHA256(pepper, pin)."""
        return self._hasher.hash(self._peppered(pin))

    def matches(self, sealed: str, pin: str) -> bool:
        """Whether `sealed` was made by `hash_new` from this PIN. Raises InvalidValue when it is no hash."""
        try:
            return self._hasher.verify(sealed, self._peppered(pin))
        except VerifyMismatchError:
            return False
        except InvalidHashError as error:
            raise InvalidValue("not the hash of a PIN") from error

    def mark(self, pin: str, place: str) -> str:
        """Tells one PIN from another at one place, such as a screen of a session, and nothing else: without
        the pepper nobody can try which PIN it is of. Hex.
        """
        return hmac.new(self._pepper, f"{place}:{pin}".encode(), hashlib.sha256).hexdigest()

    def set(self, session: Session, member_id: uuid.UUID, sealed: str) -> None:
        """Give a member the PIN that `hash_new` sealed. Clears wrong tries and the lock."""
        row = session.get(PinRow, member_id, with_for_update=True) or PinRow(member_id=member_id)
        row.hash, row.choose_until = sealed, None
        row.failed_count, row.locked_until, row.last_key = 0, None, ""
        row.changed_at = self._clock.now()
        session.add(row)
        session.flush()

    def check(self, session: Session, member_id: uuid.UUID, pin: str, *, key: str = "") -> Verdict:
        """Judge a PIN and count a wrong one. The caller must commit whatever the verdict is.

        `key` names the hop: the same hop posted again is not counted again. Checks of one member wait for
        each other, so that guesses sent at once are counted one by one.
        """
        row = session.scalar(
            select(PinRow)
            .where(PinRow.member_id == member_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if row is None or row.hash is None:
            return Locked(LOCK_MINUTES)
        now = self._clock.now()
        if row.locked_until is not None and row.locked_until <= now:
            row.failed_count, row.locked_until = 0, None
        if minutes := minutes_locked(row, now):
            return Locked(minutes)
        if key and key == row.last_key and row.failed_count:
            return Wrong(WRONG_MAX - row.failed_count)
        row.last_key = key
        if self.matches(row.hash, pin):
            row.failed_count = 0
            if self._hasher.check_needs_rehash(row.hash):
                row.hash = self.hash_new(pin)
            return Right()
        row.failed_count += 1
        if row.failed_count >= WRONG_MAX:
            row.locked_until = now + timedelta(minutes=LOCK_MINUTES)
            return Locked(LOCK_MINUTES)
        return Wrong(WRONG_MAX - row.failed_count)

    def _peppered(self, pin: str) -> bytes:
        return hmac.new(self._pepper, pin.encode(), hashlib.sha256).digest()
