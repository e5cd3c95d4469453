"""Keys: ours to sign with and publish, and the registries' as they publish them (JWKS, RFC 7517, 8037)."""

import base64
import binascii
import hashlib
import json
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
    """A registry's published keys, kept for an hour; an unknown id fetches them again, but not in a flood.

    `fetch` returns the JWKS and may raise OSError or InvalidValue, which `find` lets through.
    """

    def __init__(
        self,
        fetch: Callable[[], Mapping[str, Any]],
        *,
        kept_seconds: float = 3600.0,
        between_misses_seconds: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._kept_seconds = kept_seconds
        self._between_misses_seconds = between_misses_seconds
        self._monotonic = monotonic
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._fetched_at: float | None = None
        self._lock = threading.Lock()

    def find(self, key_id: str) -> Ed25519PublicKey | None:
        """The key with this id, after at most one fetch; None when the registry does not publish it."""
        with self._lock:
            if self._is_due(key_id):
                self._keys = public_keys(self._fetch())
                self._fetched_at = self._monotonic()
            return self._keys.get(key_id)

    def _is_due(self, key_id: str) -> bool:
        if self._fetched_at is None:
            return True
        age_seconds = self._monotonic() - self._fetched_at
        patience = self._kept_seconds if key_id in self._keys else self._between_misses_seconds
        return age_seconds >= patience


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
