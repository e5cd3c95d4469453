"""The second factor: six-digit codes of an authenticator (RFC 6238), their QR code, and recovery codes."""

import hashlib
import hmac
import io
import secrets
from datetime import datetime

import pyotp
import segno

_STEP_SECONDS = 30
# A phone's clock may be half a minute off in either direction.
_STEPS_AROUND = 1
RECOVERY_CODES = 10
_RECOVERY_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_RECOVERY_GROUPS = 3


def new_secret() -> str:
    """A base32 secret of 160 bits."""
    return pyotp.random_base32()


def step_of_code(secret: str, code: str, *, now: datetime, after_step: int | None) -> int | None:
    """The time step a code belongs to, when it is right and later than the last one taken; else None."""
    current = int(now.timestamp()) // _STEP_SECONDS
    totp = pyotp.TOTP(secret)
    found = None
    for step in range(current - _STEPS_AROUND, current + _STEPS_AROUND + 1):
        fits = hmac.compare_digest(totp.generate_otp(step).encode(), code.encode())
        if fits and (after_step is None or step > after_step):
            found = step
    return found


def qr_svg(secret: str, *, email: str, issuer: str) -> bytes:
    """The address an authenticator reads, as an SVG document."""
    address = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)
    picture = io.BytesIO()
    segno.make(address, error="m").save(picture, kind="svg", scale=5, border=2, dark="#1d2523", light="#fff")
    return picture.getvalue()


def new_recovery_codes() -> list[str]:
    """Ten codes of 59 bits each, in three groups of four, each good once."""
    return ["-".join(letters(4) for _ in range(_RECOVERY_GROUPS)) for _ in range(RECOVERY_CODES)]


def letters(count: int) -> str:
    """So many random letters and digits that nobody takes for one another, about five bits each."""
    return "".join(secrets.choice(_RECOVERY_ALPHABET) for _ in range(count))


def recovery_hash(code: str) -> str:
    """What is kept of a recovery code. A plain digest is enough for 59 random bits behind a lock-out."""
    typed = "".join(character for character in code.lower() if character in _RECOVERY_ALPHABET)
    return hashlib.sha256(typed.encode()).hexdigest()
