"""Keys that do not belong to the database are named; nothing is written with them."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import Sessions
from core.key_proofs import KeyProof, keys_unlike
from core.vault import Vault

PII, INDEX, PEPPER = (bytes([65 + number]) * 40 for number in range(3))
OTHER = b"z" * 40


def names(session: Session) -> set[str]:
    return set(session.scalars(select(KeyProof.name)))


def test_the_same_keys_fit_and_leave_no_trace_of_themselves(sessions: Sessions) -> None:
    for _ in range(2):
        with sessions.begin() as session:
            assert keys_unlike(session, Vault([PII], INDEX), PEPPER) == []
    with sessions.begin() as session:
        proofs = " ".join(session.scalars(select(KeyProof.proof)))
        assert len(names(session)) == 3
    assert not any(key.decode() in proofs or key.hex() in proofs for key in (PII, INDEX, PEPPER))


@pytest.mark.parametrize(
    ("ring", "pepper", "unlike"),
    [
        (Vault([PII], OTHER), PEPPER, ["INDEX_KEY"]),
        (Vault([PII], INDEX), OTHER, ["PIN_PEPPER"]),
        (Vault([OTHER], INDEX), PEPPER, ["PII_KEYS"]),
        (Vault([OTHER], OTHER[1:]), OTHER, ["INDEX_KEY", "PII_KEYS", "PIN_PEPPER"]),
    ],
)
def test_another_key_is_named_and_leaves_no_proof(
    sessions: Sessions, ring: Vault, pepper: bytes, unlike: list[str]
) -> None:
    with sessions.begin() as session:
        assert keys_unlike(session, Vault([PII], INDEX), PEPPER) == []
        before = names(session)
        for _ in range(2):
            assert keys_unlike(session, ring, pepper) == unlike
        assert names(session) == before


def test_a_key_that_was_ever_the_newest_must_stay(sessions: Sessions) -> None:
    newer = b"n" * 40
    with sessions.begin() as session:
        for ring in ([PII], [newer, PII], [PII, newer]):
            assert keys_unlike(session, Vault(ring, INDEX), PEPPER) == []
        for ring in ([PII], [newer]):
            assert keys_unlike(session, Vault(ring, INDEX), PEPPER) == ["PII_KEYS"]
