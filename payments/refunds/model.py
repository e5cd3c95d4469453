"""How a refund stands, and what asking for one can end in."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from core.money import Money


class RefundState(StrEnum):
    """SENDING: the order is, or was, on its way. UNKNOWN is asked about and never sent again."""

    REQUESTED = "requested"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    PAID = "paid"
    FAILED = "failed"


class RefundWay(StrEnum):
    """PAYOUT: to the payer's phone. REVERSAL: the wallet undoes the payment, when the phone is not known."""

    PAYOUT = "payout"
    REVERSAL = "reversal"


# As `payments.suspense` calls the place of money that is to be given back.
REFUND_PLACE = "refund"
# As a decision that puts money there keeps, in its `after`, which line of a file alone named the phone then.
PAYER_LINE = "payer_line"
# Two payments of one amount so close together may be one that was made twice.
DOUBLE_WITHIN = timedelta(minutes=15)
# How long a member may ask for a double payment back.
ASK_WITHIN = timedelta(days=7)


# What M-Pesa pays out or takes back has no cents.
_WHOLE_SHILLINGS_ONLY = frozenset({"mpesa"})


def can_be_sent(wallet: str, amount_cents: int) -> bool:
    """Whether a wallet can give back so much."""
    return wallet not in _WHOLE_SHILLINGS_ONLY or amount_cents % 100 == 0


@dataclass(frozen=True, slots=True)
class RefundOpened:
    """The money is on its way back; the same wish again gives the same refund."""

    refund_id: uuid.UUID
    amount: Money


@dataclass(frozen=True, slots=True)
class NoRefund:
    """`why`: `unknown_receipt` (also another's), `divided` among several, `not_confirmed`, `not_double`,
    `too_late`, `reversed` or `too_little`.
    """

    why: str


RefundOutcome = RefundOpened | NoRefund
