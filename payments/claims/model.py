"""How a claim stands, and what it rests on."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.money import Money


class ClaimState(StrEnum):
    """WAITING: the receipt is not known yet and the wallet's list is read. STAFF: a person decides.

    SETTLED: the money became theirs without the claim, or staff closed the claim.
    """

    WAITING = "waiting"
    OFFERED = "offered"
    TAKEN = "taken"
    STAFF = "staff"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Offered:
    """The payer's evidence fits: it is the member's as soon as they say so. `why` names the evidence."""

    claim_id: uuid.UUID
    amount: Money
    paid_at: datetime
    receipt: str
    why: str


@dataclass(frozen=True, slots=True)
class AlreadyYours:
    """The money is among the member's savings."""

    amount: Money
    receipt: str
    paid_at: datetime


@dataclass(frozen=True, slots=True)
class NotKnownYet:
    """No such receipt so far; the wallet's list is being read, and the member will be told."""

    claim_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class ForStaff:
    """A person will look at it. Says nothing of whose the money is."""

    claim_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class NotAClaim:
    """`why`: `not_a_code` or `too_many`."""

    why: str


ClaimOutcome = Offered | AlreadyYours | NotKnownYet | ForStaff | NotAClaim
