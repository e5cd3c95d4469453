"""TruRoute USSD: XML posts with the latest input and a type, XML answers.

Source: "SMS.COM.NA API specification", sections 4 and 5, "USSD HTTP POST to WASP" and "USSD response from
WASP" (sms.com.na; the same document serves TNM in Malawi). A request is
`<ussd><msisdn/><sessionid/><type/><msg/></ussd>`: type 1 a new session whose `msg` is what was dialled, 2 an
answer, 3 the caller cancelled, 4 the session timed out, 10 a premium charge failed. The answer is
`<ussd><type/><msg/></ussd>`: type 2 keeps the session open, 3 closes it.
"""

from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape

from ussd_app.gateway.aggregator import Dialling, session_id_of, typed_text
from ussd_app.gateway.arkesel import dialled_link
from ussd_app.gateway.hop import Hop, InputMode, Reply, SessionEnd, UnreadablePost

PROVIDER: Final = "truroute"
_REQUEST, _RESPONSE, _RELEASE, _TIMEOUT, _CHARGE_FAILED = "1", "2", "3", "4", "10"
_OPEN, _CLOSE = "2", "3"
_FIELDS: Final = frozenset({"msisdn", "sessionid", "type", "msg"})
_DEPTH_MAX: Final = 3


class TruRoute:
    """The adapter. Session ids are numbers that come back."""

    name = PROVIDER
    content_type = "text/xml; charset=utf-8"
    input: InputMode = "latest"

    def __init__(self, dialling: Dialling) -> None:
        self._dialling = dialling

    def parse_hop(self, body: bytes) -> Hop | SessionEnd:
        fields = _read(body)
        kind = fields.get("type", "").strip()
        if kind in {_RELEASE, _TIMEOUT, _CHARGE_FAILED}:
            return self._end(fields)
        if kind not in {_REQUEST, _RESPONSE}:
            raise UnreadablePost("no known type")
        text = typed_text(fields.get("msg", "").strip())
        starts = kind == _REQUEST
        return Hop(
            provider=PROVIDER,
            session_id=session_id_of(fields.get("sessionid", "")),
            phone=self._dialling.phone(fields.get("msisdn", "").strip()),
            text=dialled_link(self._dialling, text) if starts else text,
            input="latest",
            starts=starts,
        )

    def parse_end(self, body: bytes) -> SessionEnd:
        return self._end(_read(body))

    def render(self, reply: Reply, _hop: Hop | None) -> bytes:
        # A line break stands as itself: as a character reference it was shown to callers literally.
        kind = _CLOSE if reply.ends else _OPEN
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<ussd><type>{kind}</type><msg>{escape(reply.text)}</msg></ussd>"
        ).encode()

    def acknowledge(self) -> bytes:
        return self.render(Reply("", ends=True), None)

    def _end(self, fields: dict[str, str]) -> SessionEnd:
        return SessionEnd(
            provider=PROVIDER,
            session_id=session_id_of(fields.get("sessionid", "")),
            phone=self._dialling.phone(fields.get("msisdn", "").strip()),
            dropped=True,
        )


def _read(body: bytes) -> dict[str, str]:
    """The texts of the fields. Raises UnreadablePost."""
    fields: dict[str, str] = {}
    path: list[str] = []

    def opened(name: str, _attributes: dict[str, str]) -> None:
        path.append(name)
        if len(path) > _DEPTH_MAX or path[0] != "ussd":
            raise UnreadablePost("not a ussd document")

    def closed(_name: str) -> None:
        path.pop()

    def said(text: str) -> None:
        if len(path) == 2 and path[1] in _FIELDS:  # noqa: PLR2004 -- ussd and a field
            fields[path[1]] = fields.get(path[1], "") + text

    def refused(*_declared: object) -> None:
        raise UnreadablePost("a document type is not welcome")

    parser = expat.ParserCreate()
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = said
    parser.StartDoctypeDeclHandler = refused
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise UnreadablePost(f"not XML: {type(error).__name__}") from None
    return fields
