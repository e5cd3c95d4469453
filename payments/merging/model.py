"""What staff can decide about two memberships that may be one person's."""

import uuid
from dataclasses import dataclass
from enum import StrEnum


class PairAct(StrEnum):
    """MERGE: one membership stays, the other is closed. UNDO puts back what a merge did."""

    MERGE = "merge"
    DIFFERENT = "different"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class PairWish:
    """What somebody wants to decide about a case. `key` comes from the page: the same click twice is one.

    `kept_id`, the membership that stays, only for MERGE; `undoes_id`, the merge, only for UNDO.
    """

    key: uuid.UUID
    case_id: uuid.UUID
    act: PairAct
    reason: str
    kept_id: uuid.UUID | None = None
    undoes_id: uuid.UUID | None = None
