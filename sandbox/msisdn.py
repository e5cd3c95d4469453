"""Phone numbers in the shapes that callers, wallets and Africa's Talking write them."""

import hashlib
import re

PLAIN = re.compile(r"254(7|1)\d{8}")
"""Kenyan mobiles as Daraja takes them."""
_ABROAD = re.compile(r"(256|250)7\d{8}")


def parse(text: str) -> str | None:
    """`+2547…`, `2547…`, `07…` or `7…`, spaces allowed, as `2547…`; None when it is no mobile number here.

    Ugandan and Rwandan numbers are written with their country code: `+2567…`, `2507…`.
    """
    digits = re.sub(r"[\s+-]", "", text)
    if re.fullmatch(r"0[17]\d{8}", digits):
        digits = "254" + digits[1:]
    elif re.fullmatch(r"[17]\d{8}", digits):
        digits = "254" + digits
    return digits if PLAIN.fullmatch(digits) or _ABROAD.fullmatch(digits) else None


def parse_kenyan(text: str) -> str | None:
    """The same for Kenyan mobiles alone: nobody else has M-Pesa here."""
    found = parse(text)
    return found if found and PLAIN.fullmatch(found) else None


def hashed(msisdn: str) -> str:
    """What C2B v1 sends: lower-case hex SHA-256 of the twelve digits."""
    return hashlib.sha256(msisdn.encode()).hexdigest()


def masked(msisdn: str) -> str:
    """What C2B v2 sends: `2547 ***** 126`."""
    return f"{msisdn[:4]} ***** {msisdn[-3:]}"
