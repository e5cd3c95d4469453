"""The central registry as the payment rooms need it; the registry room's adapter is fitted to this."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

from core.money import Money
from core.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class ContributionRecord:
    """One contribution as it is posted. `reference_id` and `transaction_id` are the same at every attempt.

    `transaction_id` names the batch in which it was first sent.

    `period`: the fund month it counts for, `YYYY-MM`. `corrects`: the reference of the record that this one
    makes void.
    """

    reference_id: uuid.UUID
    transaction_id: uuid.UUID
    member_number: str
    amount: Money
    paid_at: datetime
    period: str
    wallet: str
    receipt: str
    payer: PhoneNumber | None = None
    corrects: uuid.UUID | None = None


class Booking(Enum):
    """Whether the registry counts a record that it has. PENDING: it has not decided yet."""

    BOOKED = auto()
    PENDING = auto()
    REJECTED = auto()


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One contribution as the registry has it. What makes another record void is itself REJECTED there."""

    reference_id: uuid.UUID
    member_number: str
    amount: Money
    receipt: str = ""
    booking: Booking = Booking.BOOKED


@dataclass(frozen=True, slots=True)
class Posted:
    """The registry took the message; only reading it back proves more."""

    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The registry will not take this batch, for what is in it: one record or several will never be taken."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nobody knows whether the registry took it: away, slow, or an answer that cannot be read.

    `retry_seconds`: when the registry asked to be left alone for so long.
    """

    reason: str
    retry_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What the registry has under the reference ids: of each nothing, one record, or wrongly several."""

    records: tuple[StoredRecord, ...]


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The registry could not be asked."""

    reason: str
    retry_seconds: float | None = None


class CentralRegistry(Protocol):
    """The fund's own books, somewhere else. Calls may take seconds; no transaction is open meanwhile."""

    def post(self, records: Sequence[ContributionRecord]) -> Posted | Refused | Unclear:
        """Tell of contributions of one transaction, in this order. The same ids again are the same ones."""
        ...

    def read_back(self, reference_ids: Sequence[uuid.UUID]) -> Found | Unavailable:
        """What is stored under these reference ids."""
        ...
