"""What every wallet can do, in values: no wire format leaves a wallet's own folder.

The outcome of a call that moves money is *accepted*, *rejected* or *unknown*. A time-out is unknown: the
caller asks about it and never repeats the request by itself.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from core.errors import KibabaError
from core.money import Money
from core.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class PromptRequest:
    """Ask a phone's owner to pay. `account` is the member number; `callback_url` is ours, secret in it."""

    contribution_id: uuid.UUID
    phone: PhoneNumber
    amount: Money
    account: str
    description: str
    callback_url: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The wallet took the request and will prompt: not paid yet. `checkout_id` names it from now on."""

    checkout_id: str
    merchant_id: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The wallet refused and no money will move. `retry_seconds`: when the same wish may be sent again."""

    code: str
    message: str
    retry_seconds: int | None = None
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether the wallet took the request."""

    reason: str


PromptOutcome = Accepted | Rejected | Unknown


class Fate(StrEnum):
    """What a wallet's result code says about a prompt."""

    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PromptResult:
    """How a prompt ended, from a callback or from asking. Without `receipt` a paid one is paid-unreceipted.

    `may_still_pay`: a late success has been seen after this code, so ask once more before believing it.
    `told`: the name of the message the member gets (`prompt_cancelled`, `prompt_insufficient`, …).
    `retry_seconds`: when a new prompt makes sense by itself. `alert`: staff must look, not the member.
    `ask_first`: anybody could have sent this, or it says too little: it only makes us ask the wallet.
    """

    checkout_id: str
    fate: Fate
    code: str
    message: str
    told: str = ""
    may_still_pay: bool = False
    merchant_id: str = ""
    receipt: str | None = None
    amount: Money | None = None
    paid_at: datetime | None = None
    payer: PhoneNumber | None = None
    retry_seconds: int | None = None
    alert: bool = False
    ask_first: bool = False


@dataclass(frozen=True, slots=True)
class StillOpen:
    """The prompt is on the phone, or the wallet is still working on it."""


AskOutcome = PromptResult | StillOpen | Unknown


@dataclass(frozen=True, slots=True)
class HandPayment:
    """Somebody paid the shortcode by hand (C2B). The payer's number may be plain, hashed or masked."""

    receipt: str
    shortcode: str
    amount: Money
    paid_at: datetime
    account: str
    payer: PhoneNumber | None = None
    payer_hash: str | None = None
    payer_mask: str | None = None
    payer_name: str = ""
    balance_after: Money | None = None


class LineKind(StrEnum):
    CREDIT = "credit"
    CHARGE = "charge"
    SETTLEMENT = "settlement"
    REVERSAL = "reversal"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class WalletLine:
    """One line of what the wallet itself says happened, from a pull or a statement.

    `row_key` is stable for the same line in any export; money in is positive, money out negative.
    """

    shortcode: str
    receipt: str
    row_key: str
    kind: LineKind
    amount: Money
    at: datetime
    account: str = ""
    payer: PhoneNumber | None = None
    payer_text: str = ""
    linked_receipt: str = ""
    balance_after: Money | None = None
    details: str = ""


class PullFailed(KibabaError):  # noqa: N818 -- it says what happened
    """The wallet's list could not be read in full: an alert, and never the same as an empty list."""

    code = "pull_failed"
    permanent = False


class PullNotOffered(KibabaError):  # noqa: N818 -- it says what the wallet does
    """A wallet without a list to be read: its statement files are its list."""

    code = "pull_not_offered"


class UnreadableMessage(KibabaError):  # noqa: N818 -- it says what happened
    """A raw message is not of the wallet's form."""

    code = "unreadable_message"


class Wallet(Protocol):
    """A mobile-money provider as seen by the payment rooms.

    `shortcode`: our account there, by the wallet's own word for it. `hook`: what the address of its callbacks
    ends with. `can_pull`: whether its list can be read; of a wallet without one, only its enquiry tells the
    receipt, and only a statement file confirms it. `ask_at_seconds`: when after a prompt it is asked about.
    """

    name: str
    shortcode: str
    hook: str
    can_pull: bool
    ask_at_seconds: tuple[int, ...]

    def checkout_id_for(self, contribution_id: uuid.UUID) -> str | None:
        """The name a prompt will have where we give it: it can be asked about whatever became of sending it.

        None when the wallet gives the name. The same contribution always has the same one.
        """
        ...

    def prompt(self, request: PromptRequest) -> PromptOutcome:
        """Send a payment prompt, once."""
        ...

    def ask(self, checkout_id: str) -> AskOutcome:
        """Ask how a prompt ended."""
        ...

    def pull(self, start: datetime, end: datetime) -> Iterator[list[WalletLine]]:
        """Every line in a time range, page by page. Raises PullFailed, or PullNotOffered."""
        ...

    def read_prompt_result(self, raw: str) -> PromptResult:
        """Parse a stored prompt callback. Raises UnreadableMessage."""
        ...

    def read_hand_payment(self, raw: str) -> HandPayment:
        """Parse a stored hand-payment confirmation or validation. Raises UnreadableMessage."""
        ...


def wallet_on(wallets: Mapping[str, Wallet], name: str, shortcode: str) -> Wallet | None:
    """The wallet of this name with this account of ours; None when one or the other is not on, or no more.

    Under another account a wallet knows nothing of what was asked or paid before.
    """
    wallet = wallets.get(name)
    return wallet if wallet is not None and wallet.shortcode == shortcode else None
