"""What one M-Pesa shortcode needs to be reached."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from core.errors import InvalidValue

NAME: Final = "mpesa"
# Daraja refuses an address with M-Pesa's name in it.
HOOK: Final = "stk"

_SHORTCODE = re.compile(r"[0-9]{5,7}")
_URL_CHARACTERS_MAX = 512
# Daraja refuses an address with one of these in it, in any case (portal, "Register URL").
_REFUSED_WORDS = ("mpesa", "m-pesa", "safaricom", "exe", "cmd", "sql", "query")


@dataclass(frozen=True, slots=True)
class MpesaConfig:
    """Where Daraja is and who we are there. Secrets are not in the `repr`.

    `base_url`: without a closing slash. `till`: what receives the money when it is not the shortcode
    (buy-goods). `c2b_version`: v1 sends hashed payer numbers, v2 masked ones.
    """

    base_url: str
    shortcode: str
    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)
    passkey: str = field(repr=False)
    transaction_type: Literal["CustomerPayBillOnline", "CustomerBuyGoodsOnline"] = "CustomerPayBillOnline"
    till: str | None = None
    c2b_version: Literal["v1", "v2"] = "v2"
    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        for code in (self.shortcode, self.till or self.shortcode):
            if not _SHORTCODE.fullmatch(code):
                raise InvalidValue(f"not a shortcode: {code[:12]!r}")
        if urlsplit(self.base_url).scheme not in {"http", "https"} or self.base_url.endswith("/"):
            raise InvalidValue("the address of Daraja must be http(s) and not end in a slash")
        if min(self.connect_timeout_seconds, self.read_timeout_seconds) <= 0:
            raise InvalidValue("a time-out must be more than nothing")

    @property
    def receiver(self) -> str:
        """Who gets the money: PartyB."""
        return self.till or self.shortcode

    def check_callback(self, url: str) -> None:
        """Raises InvalidValue for an address Daraja would refuse. Plain http fits only a plain stand-in."""
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in {"http", "https"} or len(url) > _URL_CHARACTERS_MAX:
            raise InvalidValue("a callback address must be a full http(s) address")
        if parts.scheme == "http" and self.base_url.startswith("https:"):
            raise InvalidValue("a callback address must be https")
        found = [word for word in _REFUSED_WORDS if word in url.lower()]
        if found:
            raise InvalidValue(f"Daraja refuses a callback address with {found[0]!r} in it")
