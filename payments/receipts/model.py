"""Money that arrived, as a piece of evidence describes it, and whose it is."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from core.money import Money
from core.phone import PhoneNumber
from payments.model import EvidenceChannel, MatchStep, Verdict
from payments.particulars import Particulars

# Why money is in suspense although its reference names somebody; reconciliation knows it by these words.
TWO_MEMBERS = "reference and payer point to two members"
# The reference names a member, but nothing else says that this phone pays for them.
NAMED_ONCE = "the reference names a member for whom this phone never paid"
ID_ALONE = "an ID as reference, and nothing about the payer speaks for the member"
PHONE_ALONE = "a phone as reference, paid from a phone we do not know"
# Money that names a member, and waits for a second sign that they are meant.
NAMES_ANOTHER = frozenset({TWO_MEMBERS, NAMED_ONCE, ID_ALONE, PHONE_ALONE})
TWO_PAYERS = "the messages about it name two payers"
# The wallet hid the payer; its own list, seconds later, will name them.
PAYER_UNNAMED = "the wallet has not named the payer yet"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One real-world payment as one channel tells it. `receipt` is compared in upper case."""

    wallet: str
    shortcode: str
    receipt: str
    amount: Money
    paid_at: datetime
    source: EvidenceChannel
    account: str = ""
    payer: PhoneNumber | None = None
    payer_hash: str | None = None
    payer_mask: str = ""
    payer_name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "receipt", self.receipt.strip().upper())

    @property
    def particulars(self) -> Particulars:
        payer = self.payer.e164 if self.payer else ""
        return Particulars(self.account, payer, self.payer_mask, self.payer_name)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose money it is and which evidence says so; without a member it waits in suspense.

    `named`: of money that waits for one of the reasons in `NAMES_ANOTHER`, the member whom it names.
    """

    member_id: uuid.UUID | None
    step: MatchStep
    why: str = ""
    named: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a piece of evidence turned out to mean, with what it said."""

    verdict: Verdict
    detail: str = ""
    receipt_id: uuid.UUID | None = None
    contribution_id: uuid.UUID | None = None
    receipt: str = ""
    amount: Money | None = field(default=None)
    payer_masked: str = ""
