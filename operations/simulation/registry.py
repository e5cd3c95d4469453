"""A central registry that is away, forgets, keeps half or loses its answers; idempotent by reference."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from operations.simulation.chance import Diary
from payments.registry_postings.model import (
    ContributionRecord,
    Found,
    Posted,
    Refused,
    StoredRecord,
    Unavailable,
    Unclear,
)

_ODD = 0.1


@dataclass
class SimulatedRegistry:
    """`calm`: no faults any more. `stored`: what it truly has; `corrects`: which of these make which void."""

    random: Random
    diary: Diary
    stored: dict[uuid.UUID, StoredRecord] = field(default_factory=dict)
    corrects: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)
    is_down: bool = False
    calm: bool = False

    def post(self, records: Sequence[ContributionRecord]) -> Posted | Refused | Unclear:
        if self.is_down:
            return Unclear("timeout")
        kept = list(records)
        if self._strikes("registry acknowledged and forgot"):
            kept = []
        elif self._strikes("registry kept half"):
            kept = kept[: len(kept) // 2]
        for record in kept:
            stored = StoredRecord(record.reference_id, record.member_number, record.amount, record.receipt)
            self.stored.setdefault(record.reference_id, stored)
            if record.corrects:
                self.corrects[record.reference_id] = record.corrects
        return Unclear("no answer") if self._strikes("registry's answer lost") else Posted("c")

    def read_back(self, reference_ids: Sequence[uuid.UUID]) -> Found | Unavailable:
        if self.is_down:
            return Unavailable("timeout")
        return Found(tuple(self.stored[one] for one in reference_ids if one in self.stored))

    @property
    def counted(self) -> list[StoredRecord]:
        """What counts: a record and the one that corrects it count together for nothing."""
        void = {*self.corrects, *self.corrects.values()}
        return [record for name, record in self.stored.items() if name not in void]

    def _strikes(self, name: str) -> bool:
        if self.calm or self.random.random() >= _ODD:
            return False
        self.diary.fault(name)
        return True
