"""What one MTN MoMo collection account needs to be reached."""

import re
import uuid
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from core.errors import InvalidValue

NAME: Final = "mtn"
HOOK: Final = "mtn"

_ACCOUNT = re.compile(r"[A-Za-z0-9]{3,20}")
_TARGET = re.compile(r"[a-z0-9-]{3,40}")
_URL_CHARACTERS_MAX = 512


@dataclass(frozen=True, slots=True)
class MtnConfig:
    """Where MoMo is and who we are there. Secrets are not in the `repr`.

    `base_url`: without a closing slash. `account`: our MoMo account as statements name it. `target`: the
    target environment (`sandbox`, `mtnuganda`, `mtnrwanda`). `currency`: what we collect; MTN's own sandbox
    knows only EUR. `zone`: of the times in statement files.
    """

    base_url: str
    account: str
    subscription_key: str = field(repr=False)
    api_user: str
    api_key: str = field(repr=False)
    target: str
    country: str
    currency: str
    zone: ZoneInfo
    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.account):
            raise InvalidValue(f"not a MoMo account: {self.account[:24]!r}")
        try:
            uuid.UUID(self.api_user)
        except ValueError:
            raise InvalidValue("the API user of MoMo is a UUID") from None
        if not _TARGET.fullmatch(self.target):
            raise InvalidValue(f"not a target environment: {self.target[:44]!r}")
        if urlsplit(self.base_url).scheme not in {"http", "https"} or self.base_url.endswith("/"):
            raise InvalidValue("the address of MoMo must be http(s) and not end in a slash")
        if min(self.connect_timeout_seconds, self.read_timeout_seconds) <= 0:
            raise InvalidValue("a time-out must be more than nothing")

    def check_callback(self, url: str) -> None:
        """Raises InvalidValue for an address MoMo would refuse. Plain http fits only a plain stand-in."""
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in {"http", "https"} or len(url) > _URL_CHARACTERS_MAX:
            raise InvalidValue("a callback address must be a full http(s) address")
        if parts.scheme == "http" and self.base_url.startswith("https:"):
            raise InvalidValue("a callback address must be https")
