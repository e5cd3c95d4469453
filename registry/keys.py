"""Keys: ours to sign with and publish, and the registries' as they publish them (JWKS, RFC 7517, 8037)."""

import base64
import binascii
import hashlib
import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from core.errors import InvalidValue

_SEED_BYTES = 32
_KEYS_MAX = 50
_FRESH_SECONDS = 3600.0
# A key that was withdrawn is believed no longer than this by who cannot hear of it.
_BELIEVED_SECONDS = 86_400.0
_BETWEEN_MISSES_SECONDS = 5.0
_BETWEEN_FAILURES_SECONDS = 60.0
_PATIENCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 private key and the id under which its public half is published."""

    private: Ed25519PrivateKey = field(repr=False)
    key_id: str

    @classmethod
    def load(cls, text: str, key_id: str = "") -> Self:
        """Read a setting: PKCS#8 PEM (escaped line breaks too), or the 32-byte seed in base64.

        Without `key_id` the RFC 7638 thumbprint names the key. Raises InvalidValue, never quoting the key.
        """
        cleaned = text.strip().replace("\\n", "\n")
        if cleaned.startswith("-----BEGIN"):
            return cls._named(_from_pem(cleaned), key_id)
        try:
            seed = decode_base64(cleaned)
        except ValueError:
            seed = b""
        if len(seed) != _SEED_BYTES:
            raise InvalidValue("a signing key is a PEM or the base64 of 32 bytes")
        return cls._named(Ed25519PrivateKey.from_private_bytes(seed), key_id)

    @classmethod
    def generate(cls) -> Self:
        """A new random key."""
        return cls._named(Ed25519PrivateKey.generate(), "")

    @classmethod
    def derived(cls, secret: bytes, purpose: str) -> Self:
        """The key that follows from a secret: every process of a sandbox has the same without storing one."""
        info = f"registry signing {purpose}".encode()
        seed = HKDF(algorithm=SHA256(), length=_SEED_BYTES, salt=None, info=info).derive(secret)
        return cls._named(Ed25519PrivateKey.from_private_bytes(seed), "")

    @classmethod
    def _named(cls, private: Ed25519PrivateKey, key_id: str) -> Self:
        return cls(private, key_id or thumbprint(private.public_key()))

    def public_jwk(self) -> dict[str, str]:
        """The public half as one entry of a JWKS."""
        entry = _okp(self.private.public_key())
        return {**entry, "kid": self.key_id, "use": "sig", "alg": "EdDSA"}


def jwks(*signing_keys: SigningKey) -> dict[str, Any]:
    """The document served at `/.well-known/jwks.json`: newest key first, each id once."""
    entries = {key.key_id: key.public_jwk() for key in signing_keys}
    return {"keys": list(entries.values())}


def thumbprint(public: Ed25519PublicKey) -> str:
    """The RFC 7638 thumbprint of a key, base64url."""
    canonical = json.dumps(_okp(public), sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def public_keys(document: Mapping[str, Any]) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 signature keys of a JWKS by id. Entries of other kinds, or broken ones, are passed over."""
    entries = document.get("keys")
    found: dict[str, Ed25519PublicKey] = {}
    for entry in entries[:_KEYS_MAX] if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or entry.get("kty") != "OKP" or entry.get("crv") != "Ed25519":
            continue
        if entry.get("use", "sig") != "sig" or not isinstance(entry.get("kid"), str):
            continue
        try:
            found[entry["kid"]] = Ed25519PublicKey.from_public_bytes(decode_base64(str(entry.get("x"))))
        except ValueError:
            continue
    return found


class RemoteKeys:
    """A registry's published keys: fetched again after an hour, and believed for a day when that fails.

    An unknown id fetches them sooner, but not in a flood, and a failure is not tried again for a minute. One
    caller fetches at a time, and hardly anybody waits for it. `fetch` returns the JWKS and may raise OSError
    or InvalidValue.
    """

    def __init__(
        self,
        fetch: Callable[[], Mapping[str, Any]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._fetched_at = self._tried_at = -math.inf
        self._failed = False
        self._lock = threading.Lock()

    def find(self, key_id: str) -> Ed25519PublicKey | None:
        """The key with this id, after at most one fetch; None when the registry does not publish it.

        Raises OSError while nobody knows whether it does.
        """
        known = self._known(key_id)
        # Web threads are few and answer phones too: they do not queue behind a server that hangs.
        if self._is_due(known) and self._lock.acquire(timeout=0.0 if known else _PATIENCE_SECONDS):
            try:
                # Who waited may find that the other has fetched.
                if self._is_due(self._known(key_id)):
                    self._try_to_fetch()
            finally:
                self._lock.release()
            known = self._known(key_id)
        if known is None and (self._failed or self._is_due(None)):
            raise OSError("the published keys cannot be read now")
        return known

    def _known(self, key_id: str) -> Ed25519PublicKey | None:
        is_believed = self._monotonic() - self._fetched_at < _BELIEVED_SECONDS
        return self._keys.get(key_id) if is_believed else None

    def _is_due(self, known: Ed25519PublicKey | None) -> bool:
        now = self._monotonic()
        pause = _BETWEEN_FAILURES_SECONDS if self._failed else _BETWEEN_MISSES_SECONDS
        is_wanted = known is None or now - self._fetched_at >= _FRESH_SECONDS
        return is_wanted and now - self._tried_at >= pause

    def _try_to_fetch(self) -> None:
        try:
            self._keys = public_keys(self._fetch())
            self._fetched_at, self._failed = self._monotonic(), False
        except (OSError, InvalidValue):
            self._failed = True
        finally:
            self._tried_at = self._monotonic()


def decode_base64(text: str) -> bytes:
    """Decode base64 or base64url, padded or not. Raises ValueError."""
    plain = text.strip().translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64") from error


def _from_pem(text: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause is left out: its text may quote the key.
        raise InvalidValue("the signing key's PEM cannot be read") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidValue("the signing key is not an Ed25519 key")
    return key


def _okp(public: Ed25519PublicKey) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(public.public_bytes_raw())}


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
