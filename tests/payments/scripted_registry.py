"""A central registry in memory: idempotent by reference, and away, forgetful or refusing when told to be."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from core.money import Money
from payments.registry_postings.model import (
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
    posts: list[ContributionRecord] = field(default_factory=list)
    is_down: bool = False
    forgets: int = 0
    loses_answers: int = 0
    refuses: str = ""
    changes_amount_by_cents: int = 0

    def post(self, record: ContributionRecord) -> Posted | Refused | Unclear:
        assert self.connections_in_use() == 0, "a transaction was open during a call"
        if self.is_down:
            return Unclear("timeout")
        self.posts.append(record)
        if self.refuses:
            return Refused(self.refuses, "will not have it")
        if self.forgets:
            self.forgets -= 1
            return Posted("lost")
        amount = Money(record.amount.amount_cents + self.changes_amount_by_cents, record.amount.currency)
        stored = StoredRecord(record.reference_id, record.member_number, amount, record.receipt)
        self.stored.setdefault(record.reference_id, stored)
        if self.loses_answers:
            self.loses_answers -= 1
            return Unclear("no answer")
        return Posted(f"c-{len(self.posts)}")

    def read_back(self, reference_id: uuid.UUID) -> Found | Unavailable:
        assert self.connections_in_use() == 0, "a transaction was open during a call"
        if self.is_down:
            return Unavailable("timeout")
        found = self.stored.get(reference_id)
        return Found((found,) if found else ())
