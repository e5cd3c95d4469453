"""A central registry in memory: idempotent by reference, and away, forgetful or refusing when told to be."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from core.money import Money
from payments.registry_postings.model import (
    Booking,
    ContributionRecord,
    Found,
    Posted,
    Refused,
    StoredRecord,
    Unavailable,
    Unclear,
)


@dataclass
class ScriptedRegistry:
    """`stored` is in the order of arrival. `forgets` acknowledges so many messages without storing them."""

    connections_in_use: Callable[[], int] = lambda: 0
    stored: dict[uuid.UUID, StoredRecord] = field(default_factory=dict)
    corrects: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)
    posts: list[ContributionRecord] = field(default_factory=list)
    is_down: bool = False
    forgets: int = 0
    loses_answers: int = 0
    refuses: str = ""
    refuses_receipts: set[str] = field(default_factory=set)
    halves: int = 0
    retry_seconds: float | None = None
    changes_amount_by_cents: int = 0
    booking: Booking = Booking.BOOKED
    batches: list[int] = field(default_factory=list)

    def post(self, records: Sequence[ContributionRecord]) -> Posted | Refused | Unclear:
        assert self.connections_in_use() == 0, "a transaction was open during a call"
        if self.is_down:
            return Unclear("timeout", self.retry_seconds)
        assert len({record.transaction_id for record in records}) == 1
        self.batches.append(len(records))
        self.posts += records
        if self.refuses or any(record.receipt in self.refuses_receipts for record in records):
            return Refused(self.refuses or "rjct.amount.invalid", "will not have it")
        if self.forgets:
            self.forgets -= 1
            return Posted("lost")
        for record in records[: len(records) // 2] if self.halves else records:
            amount = Money(record.amount.amount_cents + self.changes_amount_by_cents, record.amount.currency)
            stored = StoredRecord(record.reference_id, record.member_number, amount, record.receipt)
            self.stored.setdefault(record.reference_id, stored)
            if record.corrects:
                self.corrects[record.reference_id] = record.corrects
        self.halves = max(0, self.halves - 1)
        if self.loses_answers:
            self.loses_answers -= 1
            return Unclear("no answer")
        return Posted(f"c-{len(self.posts)}")

    def read_back(self, reference_ids: Sequence[uuid.UUID]) -> Found | Unavailable:
        assert self.connections_in_use() == 0, "a transaction was open during a call"
        if self.is_down:
            return Unavailable("timeout", self.retry_seconds)
        found = [self.stored[one] for one in reference_ids if one in self.stored]
        return Found(tuple(replace(one, booking=self.booking) for one in found))

    @property
    def counts_cents(self) -> int:
        """What it counts: a record and the one that corrects it count together for nothing."""
        void = {*self.corrects, *self.corrects.values()}
        return sum(one.amount.amount_cents for name, one in self.stored.items() if name not in void)
