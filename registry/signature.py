"""The spdci signature: Ed25519 over creation time, expiry and the digest of header and message.

The standard gives the outer form only. Digest and signing string follow what other implementations chose:
base64 SHA-256 over the JSON of `{"header":…,"message":…}` with sorted keys and no spaces.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.errors import InvalidValue, KibabaError
from registry import codes
from registry.canonical import JsonMode, compact
from registry.jws import DetachedJws, looks_like_jws
from registry.keys import SigningKey, decode_base64

LIFE_SECONDS = 300
SKEW_SECONDS = 60
NAMESPACE = "spdci"
NAMESPACES_READ = frozenset({"spdci", "dci"})
SIGNED_PARTS = "(created) (expires) digest"

_PREFIX = re.compile(r"\s*signature:\s*", re.IGNORECASE)
_FIELD = re.compile(r'(\w+)="([^"]*)"')
_TEXT_MAX = 2000
_EPOCH_DIGITS_MAX = 12

KeyFinder = Callable[[str], Ed25519PublicKey | None]


class BadSignature(KibabaError):  # noqa: N818 -- it names what was found
    """A signature is missing or does not hold; `code` is the standard's `err.signature.*`."""

    def __init__(self, code: str, why: str) -> None:
        self.code = code
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class SignatureFields:
    """The parts of a signature string as read; times are Unix seconds."""

    sender_id: str
    key_id: str
    created: int
    expires: int
    signature: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a signature, with or without `Signature:`, in either namespace. Raises BadSignature."""
        if not text.strip():
            raise BadSignature(codes.SIGNATURE_MISSING, "no signature")
        if len(text) > _TEXT_MAX:
            raise _invalid("too long")
        named = dict(_FIELD.findall(_PREFIX.sub("", text, count=1)))
        if named.get("namespace") not in NAMESPACES_READ:
            raise _invalid("another namespace")
        if named.get("headers") != SIGNED_PARTS:
            raise _invalid("another set of signed parts")
        sender_id, _, rest = (named.get("kidId") or named.get("keyId") or "").partition("|")
        key_id, _, algorithm = rest.rpartition("|")
        if {algorithm.lower(), named.get("algorithm", "").lower()} != {"ed25519"} or not key_id:
            raise _invalid("another algorithm or no key id")
        return cls(
            sender_id=sender_id,
            key_id=key_id,
            created=_epoch(named.get("created", "")),
            expires=_epoch(named.get("expires", "")),
            signature=_raw_signature(named.get("signature", "")),
        )

    def check(self, public: Ed25519PublicKey, payload: bytes) -> None:
        """Raises cryptography's InvalidSignature unless this key signed this payload."""
        public.verify(self.signature, _signing_string(self.created, self.expires, payload))


def sign(payload: bytes, *, key: SigningKey, sender_id: str, now: datetime) -> str:
    """The signature string over `payload`: the very bytes of `{"header":…,"message":…}` that are sent."""
    created = int(now.timestamp())
    expires = created + LIFE_SECONDS
    raw = key.private.sign(_signing_string(created, expires, payload))
    return (
        f'Signature: namespace="{NAMESPACE}", kidId="{sender_id}|{key.key_id}|ed25519", algorithm="ed25519", '
        f'created="{created}", expires="{expires}", headers="{SIGNED_PARTS}", '
        f'signature="{base64.b64encode(raw).decode()}"'
    )


def verify(
    text: str,
    header: Mapping[str, Any],
    message: Any,
    *,
    find_key: KeyFinder,
    now: datetime,
) -> "SignatureFields | DetachedJws":
    """Check what was received, in either form. Raises BadSignature; errors of `find_key` pass through.

    Every way of writing the JSON is tried, because senders differ and the content is the same.
    """
    fields = read_jws(text) if looks_like_jws(text) else SignatureFields.parse(text)
    _check_times(fields, int(now.timestamp()))
    # A tuple: whatever came as sender may be looked for in it, a list as well.
    if isinstance(fields, SignatureFields) and header.get("sender_id") not in (None, "", fields.sender_id):
        raise _invalid("signed by another than the sender")
    public = find_key(fields.key_id)
    if public is None:
        raise _invalid("unknown key")
    for mode in JsonMode:
        try:
            fields.check(public, compact({"header": header, "message": message}, mode))
        except (InvalidSignature, ValueError):
            continue
        return fields
    raise _invalid("it does not fit the content")


def read_jws(text: str) -> DetachedJws:
    """A detached JWS. Raises BadSignature."""
    if len(text) > _TEXT_MAX:
        raise _invalid("too long")
    try:
        return DetachedJws.parse(text)
    except InvalidValue as error:
        raise _invalid(str(error)) from error


def _check_times(fields: SignatureFields | DetachedJws, now: int) -> None:
    if fields.expires < fields.created:
        raise _invalid("it ends before it begins")
    if fields.created > now + SKEW_SECONDS:
        raise _invalid("made in the future")
    # A sender may promise less life than the standard gives, never more: replay memory rests on it.
    if min(fields.expires, fields.created + LIFE_SECONDS) < now - SKEW_SECONDS:
        raise _invalid("expired")


def _signing_string(created: int, expires: int, payload: bytes) -> bytes:
    digest = base64.b64encode(hashlib.sha256(payload).digest()).decode()
    return f"(created): {created}\n(expires): {expires}\ndigest: {digest}".encode()


def _epoch(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _EPOCH_DIGITS_MAX):
        raise _invalid("not a time")
    return int(text)


def _raw_signature(text: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as error:
        raise _invalid("not base64") from error


def _invalid(why: str) -> BadSignature:
    return BadSignature(codes.SIGNATURE_INVALID, f"signature refused: {why}")
