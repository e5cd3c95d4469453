"""Africa's Talking USSD: form posts with cumulative `text`, answers that begin with CON or END.

Source: help.africastalking.com (USSD articles) and captures of its posts; the fields are the same in all.
"""

from typing import Final
from urllib.parse import unquote

from ussd_app.gateway.aggregator import Dialling, network_of, session_id_of, typed_text
from ussd_app.gateway.hop import Hop, InputMode, Reply, SessionEnd, UnreadablePost

PROVIDER: Final = "africastalking"
_FIELDS_MAX: Final = 40


class AfricasTalking:
    """The adapter. Session ids are `ATUid_` and 32 hex digits, never used twice."""

    name = PROVIDER
    content_type = "text/plain; charset=utf-8"
    input: InputMode = "cumulative"

    def __init__(self, dialling: Dialling) -> None:
        self._dialling = dialling

    def parse_hop(self, body: bytes) -> Hop:
        fields = _fields(body)
        service_code = fields.get("serviceCode", "")[:40]
        text = self._dialling.without_code(typed_text(fields.get("text", "")), service_code)
        return Hop(
            provider=PROVIDER,
            session_id=session_id_of(fields.get("sessionId", "")),
            phone=self._dialling.phone(fields.get("phoneNumber", "")),
            text=text,
            network_code=network_of(fields.get("networkCode", "")),
            starts=not text,
        )

    def parse_end(self, body: bytes) -> SessionEnd:
        """Its `input` and `lastAppResponse` are not even looked at: they hold the PIN and the balance."""
        fields = _fields(body)
        return SessionEnd(
            provider=PROVIDER,
            session_id=session_id_of(fields.get("sessionId", "")),
            phone=self._dialling.phone(fields.get("phoneNumber", "")),
            dropped=fields.get("status", "").casefold() != "success",
            network_code=network_of(fields.get("networkCode", "")),
        )

    def render(self, reply: Reply, _hop: Hop | None) -> bytes:
        return f"{'END' if reply.ends else 'CON'} {reply.text}".encode()

    def acknowledge(self) -> bytes:
        return b"ok"


def _fields(body: bytes) -> dict[str, str]:
    if body.count(b"&") >= _FIELDS_MAX:
        raise UnreadablePost("not a form: too many fields")
    try:
        pairs = [field.partition("=") for field in body.decode("ascii").split("&") if field]
        return {_plain(name): _plain(value) for name, _, value in pairs}
    except UnicodeDecodeError:
        # Chained from None: the body may hold a PIN and must not travel with the error.
        raise UnreadablePost("not a form: no text") from None


def _plain(text: str) -> str:
    """What stands in one field of a form."""
    if "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    # A plus, a star and a hash are all that most fields have escaped; anything else is read with care.
    known = text.replace("%2B", "+").replace("%2A", "*").replace("%23", "#")
    return known if "%" not in known else unquote(text, errors="strict")
