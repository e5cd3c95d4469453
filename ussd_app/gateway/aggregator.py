"""What an adapter to an aggregator must offer, and what every adapter needs to know."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from core.errors import InvalidValue
from core.phone import PhoneNumber
from ussd_app.gateway.hop import Hop, InputMode, Reply, SessionEnd, UnreadablePost

SESSION_ID_CHARACTERS_MAX: Final = 100
TEXT_CHARACTERS_MAX: Final = 1000
_NATIONAL_DIGITS_MAX: Final = 10
_NETWORK: Final = re.compile(r"[A-Za-z0-9]{1,20}\Z")


class Aggregator(Protocol):
    """Turns one aggregator's posts into values and our replies into its format. Stores nothing.

    `input`: what a post holds of the answers before it; the host rebuilds lost sessions only of aggregators
    whose posts hold all of them. `content_type` is that of the reply.
    """

    name: str
    content_type: str
    input: InputMode

    def parse_hop(self, body: bytes) -> Hop | SessionEnd:
        """Read a post to `…/ussd`; some aggregators send the end there, too. Raises UnreadablePost."""
        ...

    def parse_end(self, body: bytes, /) -> SessionEnd:
        """Read a post to `…/ussd/end`. Raises UnreadablePost, always where there is no such post."""
        ...

    def render(self, reply: Reply, hop: Hop | None, /) -> bytes:
        """The body that shows `reply`; `hop` is what it answers, None when that could not be read."""
        ...

    def acknowledge(self) -> bytes:
        """The body that answers a notification of an end."""
        ...


@dataclass(frozen=True, slots=True)
class Dialling:
    """How callers reach us: the region in which their numbers are written, and our own service code."""

    region: str
    service_code: str

    def without_code(self, text: str, service_code: str = "") -> str:
        """`text` without the dialled code, which some aggregators pass on as if it had been typed.

        `*384*96#` is nothing, `*384*96*200#` is `200`, and `*384*96#*1` is `1`. Text that does not begin
        with the code is left alone.
        """
        if not text.startswith("*"):
            return text
        for code in (service_code, self.service_code):
            whole = code.strip().rstrip("#")
            if len(whole) < 2 or not text.startswith(whole):  # noqa: PLR2004 -- a star and something
                continue
            link, hash_sign, answers = text[len(whole) :].partition("#")
            if hash_sign and (not link or link.startswith("*")) and (not answers or answers[0] == "*"):
                return "*".join(part for part in (link[1:], answers[1:]) if part)
        return text

    def phone(self, text: str) -> PhoneNumber:
        """A number in international form, with or without `+`, or as at home. Raises UnreadablePost."""
        return _phone(text, self.region)


# As many as are in a session with one process at once.
@lru_cache(maxsize=512)
def _phone(text: str, region: str) -> PhoneNumber:
    """Parsed once, not on every hop of a session: it is the dearest part of reading a post."""
    international = len(text) > _NATIONAL_DIGITS_MAX and text[0] in "123456789"
    try:
        return PhoneNumber.parse(f"+{text}" if international else text, region)
    except InvalidValue as error:
        raise UnreadablePost("no usable phone number") from error


def session_id_of(text: str) -> str:
    """A session id as it may be used in a key. Raises UnreadablePost."""
    session_id = text.strip()
    if not session_id or len(session_id) > SESSION_ID_CHARACTERS_MAX:
        raise UnreadablePost("no usable session id")
    return session_id


def typed_text(text: str) -> str:
    """What was typed, within reason. Raises UnreadablePost."""
    if len(text) > TEXT_CHARACTERS_MAX:
        raise UnreadablePost("text is too long")
    return text


def network_of(text: str) -> str:
    """A network's code or name; anything that cannot be one is nothing."""
    return text if _NETWORK.match(text) else ""
