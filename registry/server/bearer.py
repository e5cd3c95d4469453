"""The tokens we give: JSON Web Tokens under a key of our own, readable by nobody else, kept nowhere."""

import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import InvalidValue
from core.ids import new_id
from registry.canonical import read_object
from registry.jws import encoded
from registry.keys import decode_base64
from registry.server.model import Scope

LIFE_SECONDS = 900
_TOKEN_MAX = 2000
_HEADER = encoded(b'{"alg":"HS256","typ":"JWT"}')


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a token that holds says: who, and for what."""

    client_id: str
    scopes: frozenset[Scope]


class Tokens:
    """Issues and reads access tokens. Any process with the same secret reads what another issued."""

    def __init__(self, secret: bytes, issuer: str) -> None:
        self._key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"dci access tokens").derive(secret)
        self._issuer = issuer

    def issue(self, client_id: str, scopes: frozenset[Scope], now: datetime) -> str:
        """A token for `LIFE_SECONDS`."""
        issued = int(now.timestamp())
        claims = {
            "iss": self._issuer,
            "sub": client_id,
            "scope": " ".join(sorted(scopes)),
            "iat": issued,
            "exp": issued + LIFE_SECONDS,
            "jti": str(new_id()),
        }
        signed = f"{_HEADER}.{encoded(json.dumps(claims, separators=(',', ':')).encode())}"
        return f"{signed}.{encoded(self._mac(signed))}"

    def read(self, token: str, now: datetime) -> Bearer | None:
        """What a token says; None when it is not ours or has run out."""
        if len(token) > _TOKEN_MAX or token.count(".") != 2 or not token.isascii():  # noqa: PLR2004 -- a JWT has three parts
            return None
        signed, _, mac = token.rpartition(".")
        # Header included: a token that names another algorithm is not one of ours.
        if not signed.startswith(f"{_HEADER}."):
            return None
        try:
            if not hmac.compare_digest(decode_base64(mac), self._mac(signed)):
                return None
            claims = read_object(decode_base64(signed.partition(".")[2]), _TOKEN_MAX)
            scopes = frozenset(Scope(word) for word in str(claims["scope"]).split())
            if claims["iss"] != self._issuer or int(claims["exp"]) <= now.timestamp():
                return None
            return Bearer(str(claims["sub"]), scopes)
        except (ValueError, KeyError, TypeError, InvalidValue):
            return None

    def _mac(self, signed: str) -> bytes:
        return hmac.new(self._key, signed.encode(), sha256).digest()
