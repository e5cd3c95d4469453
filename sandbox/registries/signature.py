"""The DCI message signature in the `spdci` form: Ed25519 over creation, expiry and a digest."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LIFE_SECONDS = 300
SKEW_SECONDS = 60
NAMESPACES = frozenset({"spdci", "dci"})
PART = re.compile(r'(\w+)="([^"]*)"')


class SignatureError(ValueError):
    """The signature is there and is not good."""


def digest(header: Any, message: Any, *, ascii_only: bool = True) -> str:
    """base64 SHA-256 of `{"header":…,"message":…}` with sorted keys and no spaces."""
    whole = json.dumps(
        {"header": header, "message": message}, sort_keys=True, separators=(",", ":"), ensure_ascii=ascii_only
    )
    return base64.b64encode(hashlib.sha256(whole.encode()).digest()).decode()


def _signing_text(created: str, expires: str, digest_text: str) -> bytes:
    return f"(created): {created}\n(expires): {expires}\ndigest: {digest_text}".encode()


def sign(key: Ed25519PrivateKey, key_id: str, header: Any, message: Any, now: float) -> str:
    """The whole `Signature: …` text. `key_id` is `{sender}|{key}|{algorithm}`."""
    created, expires = str(int(now)), str(int(now) + LIFE_SECONDS)
    raw = base64.b64encode(key.sign(_signing_text(created, expires, digest(header, message)))).decode()
    return (
        f'Signature: namespace="spdci", kidId="{key_id}", algorithm="ed25519", created="{created}", '
        f'expires="{expires}", headers="(created) (expires) digest", signature="{raw}"'
    )


def verify(text: str, keys: Mapping[str, Ed25519PublicKey], header: Any, message: Any, now: float) -> None:
    """Checks form, life time, key and bytes; accepts either JSON spelling of letters beyond ASCII."""
    parts = dict(PART.findall(text))
    if parts.get("namespace") not in NAMESPACES or parts.get("algorithm", "").lower() != "ed25519":
        raise SignatureError("not an spdci ed25519 signature")
    try:
        created, expires = int(parts["created"]), int(parts["expires"])
        raw = base64.b64decode(parts["signature"], validate=True)
    except (KeyError, ValueError, binascii.Error):
        raise SignatureError("created, expires or signature is missing or malformed") from None
    if created > now + SKEW_SECONDS or expires < now - SKEW_SECONDS:
        raise SignatureError("the signature is not valid at this time")
    for key in _candidates(parts.get("kidId", ""), keys):
        for ascii_only in (True, False):
            try:
                key.verify(
                    raw,
                    _signing_text(
                        parts["created"], parts["expires"], digest(header, message, ascii_only=ascii_only)
                    ),
                )
            except InvalidSignature:
                continue
            return
    raise SignatureError("no known key of the sender made this signature")


def _candidates(kid_id: str, keys: Mapping[str, Ed25519PublicKey]) -> list[Ed25519PublicKey]:
    """The key named in `{sender}|{key}|{algorithm}`, whole or by its middle; all when none is named."""
    named = [kid_id, *kid_id.split("|")[1:2]]
    found = [keys[name] for name in named if name in keys]
    return found if found or kid_id else list(keys.values())


def public_keys(jwks: Any) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 keys of a JWKS by `kid`; others are passed over."""
    found: dict[str, Ed25519PublicKey] = {}
    entries = jwks.get("keys", []) if isinstance(jwks, dict) else []
    for entry in entries:
        if isinstance(entry, dict) and entry.get("kty") == "OKP" and entry.get("crv") == "Ed25519":
            try:
                found[str(entry.get("kid", ""))] = Ed25519PublicKey.from_public_bytes(
                    _unpadded(str(entry["x"]))
                )
            except (KeyError, ValueError, binascii.Error):
                continue
    return found


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
