"""The registries' own signing keys, and those of the gateway that writes to them."""

import base64
import time
from functools import lru_cache
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from sandbox.registries import signature
from sandbox.world import World

FETCH_SECONDS = 2.0
KEPT_SECONDS = 60.0


def own_key(world: World, role: str) -> Ed25519PrivateKey:
    """Made at the first use and kept, so that a restart does not orphan what was signed."""
    with world.store.transaction():
        kept = world.store.fact(f"signing_key_{role}")
        if kept is None:
            kept = base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
            world.store.put_fact(f"signing_key_{role}", kept)
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(kept))


def key_id(role: str) -> str:
    return f"{role}-1"


def jwks(world: World, role: str) -> dict[str, Any]:
    raw = own_key(world, role).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    entry = {"kty": "OKP", "crv": "Ed25519", "kid": key_id(role), "use": "sig", "alg": "EdDSA", "x": x}
    return {"keys": [entry]}


def of_sender(world: World, *, fresh: bool = False) -> dict[str, Ed25519PublicKey] | None:
    """The gateway's public keys: `--sender-key` if given, else its JWKS; None when out of reach."""
    if world.settings.sender_key:
        return {"": _configured(world.settings.sender_key)}
    if fresh:
        # The sender may have taken a new key since; a miss is looked up once more before it counts.
        _fetch.cache_clear()
    return _published(world.settings.target, int(time.monotonic() // KEPT_SECONDS))


def _configured(text: str) -> Ed25519PublicKey:
    """A PEM file's text, or the base64 of the 32 raw bytes."""
    if text.startswith("-----"):
        key = load_pem_public_key(text.encode())
        assert isinstance(key, Ed25519PublicKey), "the sender key must be Ed25519"
        return key
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text))


class _UnreachableError(OSError):
    """Raised instead of returned, so that the cache does not keep a failure."""


@lru_cache(maxsize=4)
def _fetch(target: str, _minute: int) -> dict[str, Ed25519PublicKey]:
    try:
        with requests.Session() as session:
            session.trust_env = False
            reply = session.get(f"{target.rstrip('/')}/.well-known/jwks.json", timeout=FETCH_SECONDS)
            reply.raise_for_status()
            return signature.public_keys(reply.json())
    except (requests.RequestException, ValueError) as error:
        raise _UnreachableError(str(error)) from error


def _published(target: str, minute: int) -> dict[str, Ed25519PublicKey] | None:
    try:
        return _fetch(target, minute)
    except _UnreachableError:
        return None
