"""What asking to save can end in, and the terms under which it is asked."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.money import Money
from payments.schemes.rules import Scheme
from payments.wallets.choosing import Wallets


@dataclass(frozen=True, slots=True)
class Terms:
    """Where money may arrive and under which rules. `prompt_after`: how long the prompt waits, so that
    it does not collide with the caller's open USSD session. `day_began_at`: since when payments count for
    the limit of a day; without it they are not counted.
    """

    wallets: Wallets
    scheme: Scheme
    prompt_after: timedelta
    day_began_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Requested:
    """The intent is kept and a prompt of `wallet` will follow. The same key gives the same one again."""

    contribution_id: uuid.UUID
    wallet: str


@dataclass(frozen=True, slots=True)
class AlreadyOpen:
    """A prompt of `wallet` is coming to the phone or open on it: finish that one first."""

    contribution_id: uuid.UUID
    amount: Money
    wallet: str


@dataclass(frozen=True, slots=True)
class OutOfLimits:
    """The scheme does not take this amount in one payment."""

    minimum: Money
    maximum: Money


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """The member cannot save now: `unknown_member`, `try_again`, or the status of the membership."""

    why: str


RequestOutcome = Requested | AlreadyOpen | OutOfLimits | NotAllowed
