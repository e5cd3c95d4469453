"""Accounts and legs. Positive is debit, negative is credit; the legs of a transfer sum to zero."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from core.errors import KibabaError


class AccountKind(StrEnum):
    """What an account holds. Wallet float and bank in transit are ours, charges cost us, the rest we owe."""

    WALLET_FLOAT = "wallet_float"
    CHARGES = "charges"
    BANK_IN_TRANSIT = "bank_in_transit"
    MEMBER = "member"
    SUSPENSE = "suspense"
    REFUNDS_PAYABLE = "refunds_payable"
    REGISTRY_CLEARING = "registry_clearing"


class Reason(StrEnum):
    """Why a transfer was made."""

    CREDIT = "credit"
    SUSPENSE = "suspense"
    ALLOCATION = "allocation"
    REVERSAL = "reversal"
    REFUND = "refund"
    CHARGE = "charge"
    SETTLEMENT = "settlement"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """An account by its meaning: made when first used."""

    kind: AccountKind
    key: str
    currency: str

    @classmethod
    def of_member(cls, member_id: uuid.UUID, currency: str) -> "Account":
        """A member's savings."""
        return cls(AccountKind.MEMBER, str(member_id), currency)

    @classmethod
    def of_shortcode(cls, kind: AccountKind, wallet: str, shortcode: str, currency: str) -> "Account":
        """An account kept for each shortcode of a wallet: its float, charges, suspense, …"""
        return cls(kind, f"{wallet}:{shortcode}", currency)


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a transfer, in cents: positive debits the account, negative credits it."""

    account: Account
    amount_cents: int


class ConflictingTransfer(KibabaError):  # noqa: N818 -- it names what it found
    """A transfer with this business key exists already and says something else."""

    code = "conflicting_transfer"
