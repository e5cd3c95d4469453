"""That the keys of this house are those its data were written with.

With another INDEX_KEY nobody is found by phone or ID any more, and everybody seems to be new; with another
PIN_PEPPER every PIN is wrong; without an old one of PII_KEYS what it sealed stays closed. None of this looks
like a fault, so that each key leaves a proof in the database, which tells nothing about it.
"""

import hashlib
import hmac

from sqlalchemy import String, Text, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.database import Base
from core.vault import UnreadableSecret, Vault

_PLACE = "key_proofs.proof"
_WORD = "kibaba"
_SEALS = "PII_KEYS"


class KeyProof(Base):
    """What a key makes of a known word. `name`: the setting, and of those that seal the id of the key."""

    __tablename__ = "key_proofs"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    proof: Mapped[str] = mapped_column(Text)


def keys_unlike(session: Session, vault: Vault, pin_pepper: bytes) -> list[str]:
    """The settings that hold other keys than this database was written with, by name.

    The proof of a key that is new here is left behind, unless another does not fit.
    """
    sealed = vault.seal(_PLACE, _WORD)
    ours = {
        "INDEX_KEY": vault.index(_PLACE, _WORD),
        "PIN_PEPPER": hmac.digest(pin_pepper, _WORD.encode(), hashlib.sha256).hex(),
        f"{_SEALS} {sealed.partition('.')[0]}": sealed,
    }
    kept = {row.name: row.proof for row in session.scalars(select(KeyProof))}
    unlike = {name.partition(" ")[0] for name, proof in kept.items() if not _fits(name, proof, ours, vault)}
    if not unlike and (new := [{"name": name, "proof": ours[name]} for name in ours.keys() - kept.keys()]):
        session.execute(insert(KeyProof).values(new).on_conflict_do_nothing())
    return sorted(unlike)


def _fits(name: str, proof: str, ours: dict[str, str], vault: Vault) -> bool:
    if not name.startswith(_SEALS):
        return hmac.compare_digest(proof, ours.get(name, proof))
    try:
        return vault.open(_PLACE, proof) == _WORD
    except UnreadableSecret:
        return False
