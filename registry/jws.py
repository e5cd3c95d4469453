"""The second signature mode: a detached JSON Web Signature (RFC 7515 appendix F) with EdDSA (RFC 8037).

The payload is the same bytes that the spdci form digests. `iat` and `exp` in the protected header bound its
life, so that replay memory may end.
"""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.errors import InvalidValue
from registry.canonical import read_object
from registry.keys import SigningKey, decode_base64

ALGORITHM = "EdDSA"
_HEADER_BYTES_MAX = 2_000
_PARTS = 3


@dataclass(frozen=True, slots=True)
class DetachedJws:
    """A signature `header..signature` as read; times are Unix seconds."""

    key_id: str
    created: int
    expires: int
    protected: str
    signature: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it. Raises InvalidValue for another algorithm, critical extensions or any odd part."""
        parts = text.strip().split(".")
        if len(parts) != _PARTS or parts[1]:
            raise InvalidValue("not a detached JWS")
        try:
            header = read_object(decode_base64(parts[0]), _HEADER_BYTES_MAX)
            signature = decode_base64(parts[2])
        except ValueError as error:
            raise InvalidValue("a part is not base64url") from error
        if header.get("alg") != ALGORITHM or "crit" in header:
            raise InvalidValue("another algorithm or an extension")
        key_id, created, expires = header.get("kid"), header.get("iat"), header.get("exp")
        if not isinstance(key_id, str) or not key_id or type(created) is not int or type(expires) is not int:
            raise InvalidValue("kid, iat and exp are needed")
        return cls(key_id, created, expires, parts[0], signature)

    def check(self, public: Ed25519PublicKey, payload: bytes) -> None:
        """Raises cryptography's InvalidSignature unless this key signed this payload."""
        public.verify(self.signature, signing_input(self.protected, payload))


def sign_detached(payload: bytes, *, key: SigningKey, now: datetime, life_seconds: int) -> str:
    """`header..signature` over `payload`."""
    created = int(now.timestamp())
    header = {"alg": ALGORITHM, "kid": key.key_id, "iat": created, "exp": created + life_seconds}
    protected = encoded(json.dumps(header, separators=(",", ":")).encode())
    return f"{protected}..{encoded(key.private.sign(signing_input(protected, payload)))}"


def signing_input(protected: str, payload: bytes) -> bytes:
    """The bytes that are signed (RFC 7515 section 5.1)."""
    return f"{protected}.{encoded(payload)}".encode()


def encoded(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def looks_like_jws(text: Any) -> bool:
    """Whether a signature string is of this kind rather than of the spdci form."""
    return isinstance(text, str) and text.count(".") == _PARTS - 1 and "=" not in text
