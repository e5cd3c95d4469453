"""What one Airtel Money merchant account needs to be reached."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from core.errors import InvalidValue

NAME: Final = "airtel"
HOOK: Final = "airtel"

_MERCHANT = re.compile(r"[A-Za-z0-9]{3,20}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class AirtelConfig:
    """Where Airtel is and who we are there. Secrets are not in the `repr`.

    `base_url`: without a closing slash. `merchant`: the merchant code, our account's name. `hash_key`: the
    private key of "Callback authentication" in the portal; without it callbacks prove nothing. `zone`: of the
    times in statement files.
    """

    base_url: str
    merchant: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    country: str
    currency: str
    zone: ZoneInfo
    hash_key: str | None = field(default=None, repr=False)
    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not _MERCHANT.fullmatch(self.merchant):
            raise InvalidValue(f"not a merchant code: {self.merchant[:24]!r}")
        if not _COUNTRY.fullmatch(self.country) or not _CURRENCY.fullmatch(self.currency):
            raise InvalidValue("country and currency are two and three capital letters")
        if urlsplit(self.base_url).scheme not in {"http", "https"} or self.base_url.endswith("/"):
            raise InvalidValue("the address of Airtel must be http(s) and not end in a slash")
        if min(self.connect_timeout_seconds, self.read_timeout_seconds) <= 0:
            raise InvalidValue("a time-out must be more than nothing")
