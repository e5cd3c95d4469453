"""The central registry as the payment rooms need it; the registry room's adapter is fitted to this."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.money import Money
from core.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class ContributionRecord:
    """One contribution as it is posted. `reference_id` and `transaction_id` are the same at every attempt.

    `period`: the fund month it counts for, `YYYY-MM`.
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


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One contribution as the registry has it."""

    reference_id: uuid.UUID
    member_number: str
    amount: Money
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """The registry took the message; only reading it back proves more."""

    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The registry will not take this record. `permanent`: the same record will never be taken."""

    code: str
    message: str
    permanent: bool = True


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nobody knows whether the registry took it: away, slow, or an answer that cannot be read."""

    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """What the registry has under a reference id: nothing, one record, or wrongly several."""

    records: tuple[StoredRecord, ...]


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The registry could not be asked."""

    reason: str


class CentralRegistry(Protocol):
    """The fund's own books, somewhere else. Calls may take seconds; no transaction is open meanwhile."""

    def post(self, record: ContributionRecord) -> Posted | Refused | Unclear:
        """Tell of one contribution. The same ids again are the same contribution."""
        ...

    def read_back(self, reference_id: uuid.UUID) -> Found | Unavailable:
        """What is stored under a reference id."""
        ...
