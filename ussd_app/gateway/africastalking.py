"""Africa's Talking USSD: form posts with cumulative `text`, answers that begin with CON or END."""

from typing import Final
from urllib.parse import parse_qsl

from core.errors import InvalidValue
from core.phone import PhoneNumber
from ussd_app.gateway.hop import Hop, Reply, SessionEnd, UnreadablePost

PROVIDER: Final = "africastalking"
_FIELDS_MAX: Final = 40
_SESSION_ID_CHARACTERS_MAX: Final = 100
_TEXT_CHARACTERS_MAX: Final = 1000


def parse_hop(body: bytes, region: str) -> Hop:
    """Read a USSD post. Raises UnreadablePost."""
    fields = _fields(body)
    text = fields.get("text", "")
    if len(text) > _TEXT_CHARACTERS_MAX:
        raise UnreadablePost("text is too long")
    return Hop(
        provider=PROVIDER,
        session_id=_session_id(fields),
        phone=_phone(fields, region),
        text=text,
        service_code=fields.get("serviceCode", "")[:40],
        network_code=fields.get("networkCode", "")[:20],
    )


def parse_end(body: bytes, region: str) -> SessionEnd:
    """Read an end-of-session notification. Its `input` is not even looked at: it holds the PIN."""
    fields = _fields(body)
    return SessionEnd(
        provider=PROVIDER,
        session_id=_session_id(fields),
        phone=_phone(fields, region),
        dropped=fields.get("status", "").casefold() != "success",
        milliseconds=_whole_number(fields.get("durationInMillis", "")),
        hops=_whole_number(fields.get("hopsCount", "")),
    )


def render(reply: Reply) -> bytes:
    """The body of the answer."""
    return f"{'END' if reply.ends else 'CON'} {reply.text}".encode()


def _fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict"
        )
    except ValueError as error:
        # Chained from None: the body may hold a PIN and must not travel with the error.
        raise UnreadablePost(f"not a form: {type(error).__name__}") from None
    return dict(pairs)


def _session_id(fields: dict[str, str]) -> str:
    session_id = fields.get("sessionId", "").strip()
    if not session_id or len(session_id) > _SESSION_ID_CHARACTERS_MAX:
        raise UnreadablePost("no usable sessionId")
    return session_id


def _phone(fields: dict[str, str], region: str) -> PhoneNumber:
    try:
        return PhoneNumber.parse(fields.get("phoneNumber", ""), region)
    except InvalidValue as error:
        raise UnreadablePost("no usable phoneNumber") from error


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None  # noqa: PLR2004 -- no session lasts longer
