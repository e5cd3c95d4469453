"""What we order from a wallet as its initiator, in values: payouts, reversals, and questions about both.

An order is accepted, rejected or unknown, and its result comes later to an address of ours. A payout carries
our own id: it is sent once and asked about, never sent again.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from core.money import Money
from core.phone import PhoneNumber
from payments.wallets.protocol import Rejected, Unknown


class OrderKind(StrEnum):
    """What was ordered; it ends the address that the result comes to."""

    PAYOUT = "payout"
    REVERSAL = "reversal"
    STATUS = "status"
    BALANCE = "balance"


@dataclass(frozen=True, slots=True)
class Answers:
    """Where the wallet sends the result of an order, or the news that its queue was too long."""

    result_url: str
    timeout_url: str


@dataclass(frozen=True, slots=True)
class PayoutRequest:
    """Pay a phone. `originator_id` is ours: the wallet carries out one payout for it, however often asked."""

    originator_id: str
    phone: PhoneNumber
    amount: Money
    remarks: str


@dataclass(frozen=True, slots=True)
class Ordered:
    """The wallet took the order; nothing has moved yet. `conversation_id` is the wallet's name for it.

    Empty when the wallet says that it had this order before.
    """

    conversation_id: str = ""


OrderOutcome = Ordered | Rejected | Unknown


class OrderFate(StrEnum):
    """What a result says about the order, or about the payout that was asked about."""

    DONE = "done"
    FAILED = "failed"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HeldBalance:
    """What one of our accounts at the wallet holds."""

    account: str
    available: Money


@dataclass(frozen=True, slots=True)
class OrderResult:
    """How an order ended. `original_receipt`: what a reversal undid. `alert`: staff must look."""

    kind: OrderKind
    originator_id: str
    conversation_id: str
    fate: OrderFate
    code: str
    message: str
    receipt: str = ""
    amount: Money | None = None
    at: datetime | None = None
    original_receipt: str = ""
    balances: tuple[HeldBalance, ...] = ()
    alert: bool = False


class Payouts(Protocol):
    """The initiator's side of a wallet. No call is made inside a transaction."""

    name: str
    shortcode: str

    def pay_out(self, request: PayoutRequest, answers: Answers) -> OrderOutcome:
        """Order a payout, once."""
        ...

    def reverse(self, receipt: str, amount: Money, answers: Answers) -> OrderOutcome:
        """Order that a payment to us be given back. A receipt is reversed at most once by the wallet."""
        ...

    def ask_status(self, originator_id: str, answers: Answers) -> OrderOutcome:
        """Ask what became of a payout."""
        ...

    def ask_balance(self, answers: Answers) -> OrderOutcome:
        """Ask what our accounts hold."""
        ...

    def read_result(self, kind: OrderKind, raw: str) -> OrderResult:
        """Parse a stored result. Raises UnreadableMessage."""
        ...

    def read_timeout(self, kind: OrderKind, raw: str) -> OrderResult:
        """Parse the news of a queue that was too long: nobody knows what became of the order."""
        ...
