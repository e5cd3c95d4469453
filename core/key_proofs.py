"""That the keys of this house are those its data were written with.

With another INDEX_KEY nobody is found by phone or ID any more, and everybody seems to be new; with another
PIN_PEPPER every PIN is wrong; without an old one of PII_KEYS what it sealed stays closed. None of this looks
like a fault, so that each key leaves a proof in the database, which tells nothing about it. When all that a
key sealed was sealed anew (`bin/kibaba keys rotate`), a mark that it retired takes the place of its proof.
"""

import hashlib
import hmac
from datetime import datetime

from sqlalchemy import String, Text, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.database import Base
from core.sealing_key import RETIRED
from core.vault import UnreadableSecret, Vault

_PLACE = "key_proofs.proof"
_WORD = "kibaba"
_SEALS = "PII_KEYS"


class KeyProof(Base):
    """What a key makes of a known word. `name`: the setting, and of those that seal the id of the key.

    Of a retired key only the mark is left, `RETIRED` and its id, with the time in place of the proof.
    """

    __tablename__ = "key_proofs"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    proof: Mapped[str] = mapped_column(Text)


def keys_unlike(session: Session, vault: Vault, pin_pepper: bytes) -> list[str]:
    """The settings that hold other keys than this database was written with, by name.

    The proof of a key that is new here is left behind, unless another does not fit. A retired key does not
    fit where it would seal; where it only opens it does no harm.
    """
    sealed = vault.seal(_PLACE, _WORD)
    ours = {
        "INDEX_KEY": vault.index(_PLACE, _WORD),
        "PIN_PEPPER": hmac.digest(pin_pepper, _WORD.encode(), hashlib.sha256).hex(),
        f"{_SEALS} {sealed.partition('.')[0]}": sealed,
    }
    kept = {row.name: row.proof for row in session.scalars(select(KeyProof))}
    unlike = {name.partition(" ")[0] for name, proof in kept.items() if not _fits(name, proof, ours, vault)}
    if _mark(vault.newest) in kept:
        unlike.add(_SEALS)
    if not unlike and (new := [{"name": name, "proof": ours[name]} for name in ours.keys() - kept.keys()]):
        session.execute(insert(KeyProof).values(new).on_conflict_do_nothing())
    return sorted(unlike)


def proven(session: Session) -> set[str]:
    """The ids of the keys of PII_KEYS that have sealed here and were not retired."""
    names = session.scalars(select(KeyProof.name).where(KeyProof.name.startswith(f"{_SEALS} ")))
    return {name.partition(" ")[2] for name in names}


def mark_retired(session: Session, key_id: str, *, now: datetime) -> None:
    """From the end of this transaction on, no connection is made by who seals with this key."""
    values = {"name": _mark(key_id), "proof": now.isoformat()}
    session.execute(insert(KeyProof).values(values).on_conflict_do_nothing())


def unmark_retired(session: Session, key_id: str) -> None:
    """The key may seal after all: it is still in use."""
    session.execute(delete(KeyProof).where(KeyProof.name == _mark(key_id)))


def take_away(session: Session, key_id: str) -> None:
    """Remove the proof of a key that is marked as retired: without this key everything opens."""
    session.execute(delete(KeyProof).where(KeyProof.name == f"{_SEALS} {key_id}"))


def _mark(key_id: str) -> str:
    return f"{RETIRED} {key_id}"


def _fits(name: str, proof: str, ours: dict[str, str], vault: Vault) -> bool:
    if not name.startswith(f"{_SEALS} "):
        return hmac.compare_digest(proof, ours.get(name, proof))
    try:
        return vault.open(_PLACE, proof) == _WORD
    except UnreadableSecret:
        return False
