"""Members as values: their states, their consents, what the registry said, how a use case ended."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.clock import FundCalendar
from core.phone import PhoneNumber
from members.numbers import MemberNumber

NATIONAL_ID = "national_id"


class Status(StrEnum):
    """Where a membership stands. Money is taken from all but the deceased and the closed."""

    PENDING_VERIFICATION = "pending_verification"
    ACTIVE = "active"
    NEEDS_REVIEW = "needs_review"
    DECEASED = "deceased"
    CLOSED = "closed"

    @property
    def is_open(self) -> bool:
        return self not in {Status.DECEASED, Status.CLOSED}


class Purpose(StrEnum):
    """What a member is asked to agree to, each by itself (General Regulations 2021, reg 4)."""

    SAVING = "saving"
    REMINDERS = "reminders"


class IdentityState(StrEnum):
    """What is known about an ID that was typed."""

    WAITING = "waiting"
    FOUND = "found"
    UNKNOWN = "unknown"
    DEAD = "dead"
    MINOR = "minor"
    TAKEN = "taken"
    LOOK_ALIKE = "look_alike"
    SEVERAL = "several"
    UNAVAILABLE = "unavailable"
    TOO_MANY = "too_many"

    @property
    def is_doubtful(self) -> bool:
        """Whether a person must look before the membership counts as verified."""
        return self in _DOUBTFUL


_DOUBTFUL = frozenset(
    {
        IdentityState.UNKNOWN,
        IdentityState.DEAD,
        IdentityState.MINOR,
        IdentityState.LOOK_ALIKE,
        IdentityState.SEVERAL,
        IdentityState.TOO_MANY,
    }
)


class Enrolment(StrEnum):
    """What the central registry says of an enrolment elsewhere. `unknown`: it said neither, or nothing."""

    WAITING = "waiting"
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Standing(StrEnum):
    """What the central registry is told of a membership."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class TellingState(StrEnum):
    """What became of telling it. `taken`: the registry cannot be asked; `withdrawn`: it no longer holds."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    TAKEN = "taken"
    WITHDRAWN = "withdrawn"


class NoticeKind(StrEnum):
    """What happened, by the registry's word."""

    DEATH = "death"
    NAME_CHANGE = "name_change"


class NoticeAnswer(StrEnum):
    """How staff finish it. CONFIRMED: the registry is right, and it was acted on. WRONG: it is mistaken."""

    CONFIRMED = "confirmed"
    WRONG = "wrong"


class ElsewhereRule(StrEnum):
    """What an enrolment elsewhere means here: not asked about; kept for staff to see; looked at by staff."""

    IGNORED = "ignored"
    NOTED = "noted"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Policy:
    """The fund's rules that members must know. `identity_patience_seconds`: when an answer is overdue."""

    calendar: FundCalendar
    adult_years: int = 18
    ids_per_phone_and_day_max: int = 5
    identity_patience_seconds: float = 20.0
    phone_change_wait_hours: float = 24.0
    phone_changes_per_phone_and_day_max: int = 3
    new_pin_hours: float = 24.0
    elsewhere: ElsewhereRule = ElsewhereRule.IGNORED


@dataclass(frozen=True, slots=True)
class Member:
    """A member as other rooms see one. `masked_name` is empty until a registry has named them.

    `merged_into`: the membership that stayed, when this one was a second one of the same person.
    """

    id: uuid.UUID
    number: MemberNumber
    status: Status
    language: str
    phone: PhoneNumber
    masked_name: str
    name_confirmed: bool
    joined_at: datetime
    merged_into: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class IdentityView:
    """What a caller may be shown of a look-up. `birth_year` only serves to refuse it as a PIN."""

    state: IdentityState
    masked_name: str = ""
    birth_year: int | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """There is a membership. `created` is False when this very join was done before."""

    member: Member
    created: bool


@dataclass(frozen=True, slots=True)
class AlreadyMember:
    """The ID has a membership, whatever its status: offer a change of phone, never a second membership."""

    member_id: uuid.UUID
    status: Status
    same_phone: bool


@dataclass(frozen=True, slots=True)
class PhoneInUse:
    """Another membership uses this phone."""


JoinOutcome = Joined | AlreadyMember | PhoneInUse


@dataclass(frozen=True, slots=True)
class PhoneChangeStarted:
    """The phone will change at `due_at` unless the owner of the old one objects."""

    change_id: uuid.UUID
    due_at: datetime


@dataclass(frozen=True, slots=True)
class PhoneChangeWithStaff:
    """Kept for staff to decide. The caller hears the same as if it had started, and so guesses nothing."""

    change_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class PhoneChangeRefused:
    """Nothing was kept: `not_a_member`, `same_phone`, `phone_in_use` or `too_many` requests today."""

    reason: str


PhoneChangeOutcome = PhoneChangeStarted | PhoneChangeWithStaff | PhoneChangeRefused


class Untold(StrEnum):
    """Why there is no time at which a phone was told something."""

    NOT_YET = "not_yet"
    NEVER = "never"


class PhoneChangeState(StrEnum):
    """Where a request to move a membership to another phone stands."""

    WAITING = "waiting"
    STAFF = "staff"
    DONE = "done"
    STOPPED = "stopped"
    REFUSED = "refused"
