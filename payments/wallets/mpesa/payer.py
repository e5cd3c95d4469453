"""Who paid, as C2B says it: the number itself, its SHA-256 (v1), or a mask (v2)."""

import re
from dataclasses import dataclass

from core.errors import InvalidValue
from core.phone import PhoneNumber

_HASH = re.compile(r"[0-9a-fA-F]{64}")
_MASK = re.compile(r"\+?([0-9]{2,9})[*xX]{2,12}([0-9]{0,4})")


@dataclass(frozen=True, slots=True)
class Payer:
    """At most one of the three is set."""

    phone: PhoneNumber | None = None
    hashed: str | None = None
    mask: str | None = None


def read_payer(text: str) -> Payer:
    """Tell number, hash and mask apart. What is none of them is nobody: the payment is real all the same.

    A hash comes back in lower case, a mask without spaces and with `*`.
    """
    written = "".join(text.split())
    if _HASH.fullmatch(written):
        return Payer(hashed=written.lower())
    if masked := _MASK.fullmatch(written):
        hidden = len(written.removeprefix("+")) - len(masked[1]) - len(masked[2])
        return Payer(mask=f"{masked[1]}{'*' * hidden}{masked[2]}")
    try:
        return Payer(phone=PhoneNumber.parse(written))
    except InvalidValue:
        return Payer()
