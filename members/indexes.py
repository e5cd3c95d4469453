"""Blind indexes of members: what may be searched for, each under a key of its own place."""

from datetime import date

from core.phone import PhoneNumber
from core.vault import Vault
from members.documents import Document, number_of, type_of
from members.names import name_birth_key


class MemberIndexes:
    """The same value has the same index in every table of this room, so that rows can be compared."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def phone(self, phone: PhoneNumber) -> str:
        return self._vault.index("members.phone", phone.e164)

    def wallet_hash(self, wallet_hash: str) -> str:
        """Of the hash that a wallet sends in place of the number (`PhoneNumber.wallet_hash`)."""
        return self._vault.index("members.wallet_hash", wallet_hash.lower())

    def identifier(self, document: Document) -> str:
        return self._vault.index("members.identifier", f"{type_of(document)}:{number_of(document)}")

    def name_birth(self, given_names: str, surname: str, birth_date: date) -> str:
        return self._vault.index("members.name_birth", name_birth_key(given_names, surname, birth_date))
