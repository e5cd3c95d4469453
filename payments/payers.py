"""Who paid, as one comparable value: plain numbers and M-Pesa's hashed ones give the same blind index."""

from sqlalchemy.orm import Session

from core.database import vault_of
from core.phone import PhoneNumber
from members.indexes import MemberIndexes


def payer_index(session: Session, phone: PhoneNumber | None, wallet_hash: str | None = None) -> str | None:
    """The blind index of a payer known by number or by the wallet's hash of it; None when neither is known.

    Comparable with `members.wallet_hash_index`. The plain SHA-256 is never kept: over the possible numbers
    it is reversed in seconds.
    """
    known = phone.wallet_hash if phone else wallet_hash
    return None if known is None else MemberIndexes(vault_of(session)).wallet_hash(known)
