"""Blind indexes of members: what may be searched for, each under a key of its own place."""

from datetime import date

from core.phone import PhoneNumber
from core.vault import Vault
from members.model import NATIONAL_ID
from members.names import name_birth_key
from members.numbers import NationalId


class MemberIndexes:
    """The same value has the same index in every table of this room, so that rows can be compared."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def phone(self, phone: PhoneNumber) -> str:
        return self._vault.index("members.phone", phone.e164)

    def wallet_hash(self, wallet_hash: str) -> str:
        """Of the hash that a wallet sends in place of the number (`PhoneNumber.wallet_hash`)."""
        return self._vault.index("members.wallet_hash", wallet_hash.lower())

    def identifier(self, national_id: NationalId) -> str:
        return self._vault.index("members.identifier", f"{NATIONAL_ID}:{national_id.digits}")

    def name_birth(self, given_names: str, surname: str, birth_date: date) -> str:
        return self._vault.index("members.name_birth", name_birth_key(given_names, surname, birth_date))
