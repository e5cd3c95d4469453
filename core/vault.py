"""Personal data at rest: AES-256-GCM per field, and keyed blind indexes to look it up.

Stored form: `<key id>.<nonce>.<ciphertext>`, the last two base64url; of bytes, the same three without dots
and as they are. The place (`table.column`) is bound as associated data, so that a value moved to another
column does not open.
"""

import base64
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import KibabaError

_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_KEY_BYTES = 32
_BLOCK_BYTES = 64


class UnreadableSecret(KibabaError):  # noqa: N818 -- it names the state of the value
    """A stored value cannot be opened: wrong key ring, wrong place or damage."""

    code = "unreadable_secret"
    # A process with the wrong keys must not bury what another can still work.
    permanent = False


def _derive(key: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose.encode()).derive(key)


class Vault:
    """Seals, opens and indexes personal data.

    `pii_keys`: raw keys, newest first; the newest seals, all open. `index_key`: a different key.
    """

    def __init__(self, pii_keys: Sequence[bytes], index_key: bytes) -> None:
        if not pii_keys or any(len(key) < _KEY_BYTES for key in (*pii_keys, index_key)):
            raise ValueError("keys for personal data are 32 bytes or longer")
        self._ciphers: dict[str, AESGCM] = {}
        for key in pii_keys:
            key_id = hashlib.sha256(b"key id" + key).hexdigest()[:_KEY_ID_BYTES]
            self._ciphers[key_id] = AESGCM(_derive(key, "pii"))
        self._newest = next(iter(self._ciphers))
        self._index_key = index_key
        self._halves: dict[str, tuple[hashlib._Hash, hashlib._Hash]] = {}

    def seal(self, place: str, value: str) -> str:
        """Encrypt `value` for one place (`table.column`)."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._ciphers[self._newest].encrypt(nonce, value.encode(), place.encode())
        return f"{self._newest}.{_encode(nonce)}.{_encode(ciphertext)}"

    def open(self, place: str, token: str) -> str:
        """Decrypt what `seal` made for the same place. Raises UnreadableSecret."""
        try:
            key_id, nonce, ciphertext = token.split(".")
            plain = self._ciphers[key_id].decrypt(_decode(nonce), _decode(ciphertext), place.encode())
        except (KeyError, ValueError, InvalidTag) as error:
            raise UnreadableSecret(f"a value in {place} cannot be opened") from error
        return plain.decode()

    def seal_bytes(self, place: str, value: bytes) -> bytes:
        """Encrypt `value` for one place that holds bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._ciphers[self._newest].encrypt(nonce, value, place.encode())
        return self._newest.encode() + nonce + ciphertext

    def open_bytes(self, place: str, sealed: bytes) -> bytes:
        """Decrypt what `seal_bytes` made for the same place. Raises UnreadableSecret."""
        key_id, rest = sealed[:_KEY_ID_BYTES], sealed[_KEY_ID_BYTES:]
        try:
            cipher = self._ciphers[key_id.decode("ascii")]
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], place.encode())
        except (KeyError, ValueError, InvalidTag) as error:
            raise UnreadableSecret(f"a value in {place} cannot be opened") from error

    @property
    def newest(self) -> str:
        """The id of the key that seals: eight hex digits, which every value it sealed begins with."""
        return self._newest

    @property
    def older(self) -> list[str]:
        """The ids of the keys that only open."""
        return [key_id for key_id in self._ciphers if key_id != self._newest]

    def is_newest(self, token: str) -> bool:
        """Whether a stored value was sealed with the newest key."""
        return token.startswith(f"{self._newest}.")

    def index(self, place: str, value: str) -> str:
        """The blind index of a normalised value: hex HMAC-SHA256 under a key derived for the place."""
        halves = self._halves.get(place)
        if halves is None:
            halves = self._halves[place] = _halves(_derive(self._index_key, f"index:{place}"))
        inner, outer = halves[0].copy(), halves[1].copy()
        inner.update(value.encode())
        outer.update(inner.digest())
        return outer.hexdigest()


def key_of_bytes(sealed: bytes) -> str:
    """The id of the key that sealed what `seal_bytes` made."""
    return sealed[:_KEY_ID_BYTES].decode("ascii", "replace")


def _halves(key: bytes) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """HMAC's two hashes (RFC 2104) with the key already in them: `hmac` takes ten times as long, most of it
    for looking up the hash again each time.
    """
    block = key.ljust(_BLOCK_BYTES, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))
    return inner, outer


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text)
