"""What staff can decide about money and differences, and how a decision stands."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.errors import KibabaError


class Act(StrEnum):
    """What is done. EXPLAIN moves no money: the difference is understood, and the reason says why.

    BOOK_COST and BOOK_BANK give a line of the wallet's list that nothing explains its place in the ledger.
    """

    MATCH = "match"
    SPLIT = "split"
    SUSPEND = "suspend"
    REFUND = "refund"
    WRITE_OFF = "write_off"
    REPOST = "repost"
    EXPLAIN = "explain"
    BOOK_COST = "book_cost"
    BOOK_BANK = "book_bank"
    UNDO = "undo"


BOOKING_ACTS = frozenset({Act.BOOK_COST, Act.BOOK_BANK})


class DecisionState(StrEnum):
    """PROPOSED waits for a second person. UNDONE was done and then put right by another decision."""

    PROPOSED = "proposed"
    DONE = "done"
    REFUSED = "refused"
    UNDONE = "undone"


class Place(StrEnum):
    """Where staff put a receipt's money. Without a place, messages and matching still decide.

    SPLIT: the money is with the receipt's parts. REJOINED: a part whose money went back to the whole.
    """

    MEMBER = "member"
    SUSPENSE = "suspense"
    REFUND = "refund"
    WRITTEN_OFF = "written_off"
    SPLIT = "split"
    REJOINED = "rejoined"


class NotPossible(KibabaError):  # noqa: N818 -- it says what was found
    """A decision does not fit the facts. `why` is a short code that pages have words for."""

    code = "not_possible"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why.replace("_", " "))


@dataclass(frozen=True, slots=True)
class Share:
    """So many cents of a payment for one member."""

    member_id: uuid.UUID
    amount_cents: int

    def as_details(self) -> dict[str, str | int]:
        """Plain JSON, as a decision keeps it."""
        return {"member_id": str(self.member_id), "amount_cents": self.amount_cents}

    @classmethod
    def of_details(cls, details: Mapping[str, Any]) -> "Share":
        return cls(uuid.UUID(details["member_id"]), details["amount_cents"])


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to decide. `key` comes from the page, so that the same click twice is one.

    `receipt_id` or `break_id` say about what; `member_id` only for MATCH, `shares` only for SPLIT (the rest
    stays in suspense), `undoes_id` only for UNDO.
    """

    key: uuid.UUID
    act: Act
    reason: str
    receipt_id: uuid.UUID | None = None
    break_id: uuid.UUID | None = None
    member_id: uuid.UUID | None = None
    shares: tuple[Share, ...] = ()
    undoes_id: uuid.UUID | None = None
