"""For whom a phone paid before: what a habit says for or against the member that a reference names."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from members.tables import MemberRow
from payments.receipts.model import NAMES_ANOTHER
from payments.receipts.tables import Receipt

# Once may have been the slip itself.
_HABIT_MIN = 2


@dataclass(frozen=True, slots=True)
class PaidBefore:
    """How many payments of a phone each member was credited with, by whatever evidence or decision.

    `is_doubtful`: money of this phone waits because it named a member for whom the phone never paid.
    """

    counts: Mapping[uuid.UUID, int] = field(default_factory=dict)
    is_doubtful: bool = False

    def speaks_for(self, member_id: uuid.UUID) -> bool:
        return member_id in self.counts

    def speaks_against(self, member_id: uuid.UUID) -> bool:
        """Whether the phone pays for one other member as a habit, and never paid for this one.

        A phone that pays for several points to nobody.
        """
        if member_id in self.counts or len(self.counts) != 1:
            return False
        return sum(self.counts.values()) >= _HABIT_MIN

    def is_only_used_by(self, member_id: uuid.UUID) -> bool:
        """Whether the phone paid for this member before, and for nobody else."""
        return self.speaks_for(member_id) and not self.pays_for_others_than(member_id)

    def pays_for_others_than(self, member_id: uuid.UUID) -> bool:
        return self.is_doubtful or any(other != member_id for other in self.counts)


def paid_before(
    session: Session, payers: Collection[str], *, but: Collection[str] = ()
) -> Mapping[str, PaidBefore]:
    """What each payer (a blind index) paid before, receipts `but` left out; who never did is absent."""
    if not payers:
        return {}
    # What was paid for one of two memberships that were made one counts for the one that stayed.
    owner = func.coalesce(MemberRow.merged_into, Receipt.member_id).label("owner")
    waits = Receipt.member_id.is_(None).label("waits")
    rows = session.execute(
        select(Receipt.payer_index, owner, waits, func.count().label("times"))
        .outerjoin(MemberRow, MemberRow.id == Receipt.member_id)
        .where(
            Receipt.payer_index.in_(payers),
            Receipt.reversed_at.is_(None),
            Receipt.receipt.not_in(but),
            Receipt.member_id.is_not(None)
            | (Receipt.match_why.in_(NAMES_ANOTHER) & Receipt.staff_place.is_(None)),
        )
        .group_by(Receipt.payer_index, owner, waits)
    )
    counts: dict[str, dict[uuid.UUID, int]] = {}
    doubtful = set()
    for payer, member_id, is_waiting, times in rows:
        assert payer is not None  # It was asked for by its index.
        known = counts.setdefault(payer, {})
        if is_waiting:
            doubtful.add(payer)
        else:
            known[member_id] = times
    return {payer: PaidBefore(known, payer in doubtful) for payer, known in counts.items()}
