"""Personal data opens only with its own key, in its own place, unchanged."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vault import UnreadableSecret, Vault

OLD, NEW, INDEX = (secrets.token_bytes(32) for _ in range(3))


@given(st.text())
def test_what_was_sealed_opens(value: str) -> None:
    vault = Vault([OLD], INDEX)
    assert vault.open("members.phone", vault.seal("members.phone", value)) == value


def test_a_value_moved_to_another_column_does_not_open() -> None:
    vault = Vault([OLD], INDEX)
    with pytest.raises(UnreadableSecret):
        vault.open("members.name", vault.seal("members.phone", "+254712345678"))


def test_a_changed_value_does_not_open() -> None:
    vault = Vault([OLD], INDEX)
    sealed = vault.seal("members.phone", "+254712345678")
    damaged = sealed[:-4] + ("AAAA" if sealed[-4:] != "AAAA" else "BBBB")
    with pytest.raises(UnreadableSecret):
        vault.open("members.phone", damaged)


def test_a_new_key_seals_and_the_old_still_opens() -> None:
    old = Vault([OLD], INDEX).seal("members.phone", "x")
    ring = Vault([NEW, OLD], INDEX)
    assert ring.open("members.phone", old) == "x"
    assert not ring.is_newest(old)
    assert ring.is_newest(ring.seal("members.phone", "x"))
    with pytest.raises(UnreadableSecret):
        Vault([NEW], INDEX).open("members.phone", old)


@given(st.binary())
def test_bytes_that_were_sealed_open_with_any_key_of_the_ring(value: bytes) -> None:
    sealed = Vault([OLD], INDEX).seal_bytes("ussd.session", value)
    assert Vault([NEW, OLD], INDEX).open_bytes("ussd.session", sealed) == value


@given(st.data())
def test_bytes_that_were_changed_cut_or_moved_do_not_open(data: st.DataObject) -> None:
    vault = Vault([OLD], INDEX)
    sealed = vault.seal_bytes("ussd.session", b"12345678")
    at = data.draw(st.integers(0, len(sealed) - 1))
    changed = sealed[:at] + bytes([sealed[at] ^ data.draw(st.integers(1, 255))]) + sealed[at + 1 :]
    for place, wrong in (("ussd.session", changed), ("ussd.session", sealed[:at]), ("members.phone", sealed)):
        with pytest.raises(UnreadableSecret):
            vault.open_bytes(place, wrong)


def test_an_index_is_stable_and_differs_from_place_to_place() -> None:
    vault = Vault([OLD], INDEX)
    assert vault.index("members.phone", "1") == Vault([NEW], INDEX).index("members.phone", "1")
    assert vault.index("members.phone", "1") != vault.index("members.identifier", "1")
    assert vault.index("members.phone", "1") != Vault([OLD], NEW).index("members.phone", "1")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault([b"short"], INDEX)
