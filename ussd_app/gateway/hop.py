"""One USSD post as the host sees it, whatever aggregator sent it."""

from dataclasses import field
from typing import Literal

from core.errors import KibabaError
from core.phone import PhoneNumber
from menus import value

# `cumulative`: every post holds all that was typed, joined by `*`. `latest`: only the newest answer.
InputMode = Literal["cumulative", "latest"]


class UnreadablePost(KibabaError):  # noqa: N818 -- it says what the post is
    """A post without the fields of its aggregator's format."""

    code = "unreadable_post"


@value
class Hop:
    """What a caller's answer arrived with.

    `text`: everything typed in the session, joined by `*`, or with input mode `latest` the newest answer
    alone. Of a dial string it is the part after the service code. `starts`: the aggregator says, or an
    empty text shows, that a session begins. `account` is the aggregator's name for us, to be echoed.
    """

    provider: str
    session_id: str
    phone: PhoneNumber
    text: str = field(repr=False)
    network_code: str = ""
    input: InputMode = "cumulative"
    starts: bool = False
    account: str = ""


@value
class Reply:
    """What goes back: a screen, and whether the session ends with it."""

    text: str = field(repr=False)
    ends: bool


@value
class SessionEnd:
    """An aggregator's word that a session is over; `dropped` when the caller was still expected to answer."""

    provider: str
    session_id: str
    phone: PhoneNumber
    dropped: bool
    network_code: str = ""
