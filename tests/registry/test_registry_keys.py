"""Keys are loaded once, published as the RFCs say, and fetched no more often than needed."""

import base64
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from core.errors import InvalidValue
from registry.keys import RemoteKeys, SigningKey, decode_base64, jwks, public_keys, thumbprint

KEY = SigningKey.generate()
PEM = KEY.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
SEED = base64.b64encode(KEY.private.private_bytes_raw()).decode()


@pytest.mark.parametrize(
    "text", [PEM, PEM.replace("\n", "\\n"), SEED, SEED.rstrip("="), f" {SEED}\n"], ids=range(5)
)
def test_a_key_is_read_from_pem_or_base64(text: str) -> None:
    loaded = SigningKey.load(text)
    assert loaded.private.private_bytes_raw() == KEY.private.private_bytes_raw()
    assert loaded.key_id == KEY.key_id


def test_a_key_can_be_given_a_name() -> None:
    assert SigningKey.load(SEED, "2026-a").public_jwk()["kid"] == "2026-a"


@pytest.mark.parametrize(
    "text", ["", "short", SEED + SEED, PEM[:60], "-----BEGIN nothing", "ключ"], ids=range(6)
)
def test_a_bad_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        SigningKey.load(text)
    assert not text or text not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_key_of_another_kind_is_refused() -> None:
    other = generate_private_key(SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(InvalidValue, match="Ed25519"):
        SigningKey.load(pem)


def test_a_key_does_not_show_itself() -> None:
    assert SEED not in repr(KEY)
    assert "Ed25519PrivateKey" not in repr(KEY)


def test_every_process_derives_the_same_key_from_one_secret() -> None:
    first, second = (SigningKey.derived(b"one secret", "sandbox") for _ in range(2))
    assert first.key_id == second.key_id
    assert SigningKey.derived(b"one secret", "other").key_id != first.key_id


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    public = Ed25519PublicKey.from_public_bytes(decode_base64("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))
    assert thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_what_is_published_is_public_and_can_be_read_back() -> None:
    old = SigningKey.generate()
    document = jwks(KEY, old)
    assert all(set(entry) == {"kty", "crv", "x", "kid", "use", "alg"} for entry in document["keys"])
    assert list(public_keys(document)) == [KEY.key_id, old.key_id]


def test_one_key_for_two_registries_is_published_once() -> None:
    assert len(jwks(KEY, KEY)["keys"]) == 1


def test_broken_and_foreign_entries_are_passed_over() -> None:
    good = KEY.public_jwk()
    entries = [None, 7, {"kty": "RSA"}, good | {"x": "short"}, good | {"kid": 3}, good | {"use": "enc"}, good]
    assert list(public_keys({"keys": entries})) == [KEY.key_id]
    assert public_keys({}) == public_keys({"keys": "none"}) == {}


class Publisher:
    """A registry whose published keys can change, with a clock beside it."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = keys
        self.fetched = 0
        self.away = self.hangs = False
        self.seconds = 0.0
        self.is_asked, self.go_on = threading.Semaphore(0), threading.Event()

    def fetch(self) -> Mapping[str, Any]:
        self.fetched += 1
        if self.hangs:
            self.is_asked.release()
            self.go_on.wait(timeout=30)
        if self.away:
            raise OSError("away")
        return jwks(*self.keys)

    def remote(self) -> RemoteKeys:
        return RemoteKeys(self.fetch, monotonic=lambda: self.seconds)


def test_keys_are_fetched_once_and_again_after_an_hour() -> None:
    publisher = Publisher(KEY)
    remote = publisher.remote()
    for _ in range(3):
        assert remote.find(KEY.key_id) is not None
    assert publisher.fetched == 1
    publisher.seconds = 3600
    assert remote.find(KEY.key_id) is not None
    assert publisher.fetched == 2


def test_a_new_key_is_found_by_one_refresh() -> None:
    publisher = Publisher(KEY)
    remote = publisher.remote()
    remote.find(KEY.key_id)
    new = SigningKey.generate()
    publisher.keys = (new, KEY)
    publisher.seconds = 10
    assert remote.find(new.key_id) is not None
    assert publisher.fetched == 2


def test_unknown_key_ids_do_not_flood_the_registry() -> None:
    publisher = Publisher(KEY)
    remote = publisher.remote()
    for number in range(50):
        assert remote.find(f"made-up-{number}") is None
    assert publisher.fetched == 1


def test_keys_that_could_not_be_fetched_are_asked_for_again_after_a_while() -> None:
    publisher = Publisher(KEY)
    publisher.away = True
    remote = publisher.remote()
    for _ in range(3):
        with pytest.raises(OSError, match="cannot be read"):
            remote.find(KEY.key_id)
    assert publisher.fetched == 1
    publisher.away = False
    publisher.seconds = 60
    assert remote.find(KEY.key_id) is not None


def test_known_keys_are_believed_for_a_day_while_they_cannot_be_fetched_again() -> None:
    publisher = Publisher(KEY)
    remote = publisher.remote()
    remote.find(KEY.key_id)
    publisher.away = True
    publisher.seconds = 3600
    for _ in range(3):
        assert remote.find(KEY.key_id) is not None
    assert publisher.fetched == 2
    with pytest.raises(OSError, match="cannot be read"):
        remote.find("another")
    publisher.seconds = 86_400
    with pytest.raises(OSError, match="cannot be read"):
        remote.find(KEY.key_id)


def test_a_key_that_is_published_no_more_is_believed_no_more() -> None:
    publisher = Publisher(KEY)
    remote = publisher.remote()
    remote.find(KEY.key_id)
    publisher.keys = ()
    publisher.seconds = 3600
    assert remote.find(KEY.key_id) is None


def test_nobody_queues_behind_a_server_that_hangs() -> None:
    publisher = Publisher(KEY)
    remote = publisher.remote()
    remote.find(KEY.key_id)
    publisher.hangs = True
    publisher.seconds = 3600
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(remote.find, KEY.key_id)
        publisher.is_asked.acquire()
        assert remote.find(KEY.key_id) is not None
        with pytest.raises(OSError, match="cannot be read"):
            remote.find("another")
        assert not first.done()
        publisher.go_on.set()
        assert first.result() is not None
