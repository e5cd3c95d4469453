"""One USSD post as the host sees it, whatever aggregator sent it."""

from dataclasses import dataclass, field

from core.errors import KibabaError
from core.phone import PhoneNumber


class UnreadablePost(KibabaError):  # noqa: N818 -- it says what the post is
    """A post without the fields of its aggregator's format."""

    code = "unreadable_post"


@dataclass(frozen=True, slots=True)
class Hop:
    """What a caller's answer arrived with. `text` is everything typed in the session, joined by `*`."""

    provider: str
    session_id: str
    phone: PhoneNumber
    text: str = field(repr=False)
    service_code: str = ""
    network_code: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: a screen, and whether the session ends with it."""

    text: str = field(repr=False)
    ends: bool


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """An aggregator's word that a session is over; `dropped` when the caller was still expected to answer."""

    provider: str
    session_id: str
    phone: PhoneNumber
    dropped: bool
    milliseconds: int | None = None
    hops: int | None = None
