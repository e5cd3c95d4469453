"""Arkesel USSD: JSON posts with the latest input and a `newSession` flag, answers with `continueSession`.

Source: the samples that Arkesel publishes (github.com/ArkeselDev: fastapi-ussd-sample `main.py`,
express-ussd-sample `app.js`). A request is `{sessionID, userID, newSession, msisdn, userData, network}`; the
answer echoes `sessionID`, `userID` and `msisdn` and adds `message` and `continueSession`. With `newSession`
the `userData` is what was dialled (`*928*99#`). No notification of an end is documented.
"""

import json
from typing import Any, Final

from ussd_app.gateway.aggregator import Dialling, network_of, session_id_of, typed_text
from ussd_app.gateway.hop import Hop, InputMode, Reply, SessionEnd, UnreadablePost

PROVIDER: Final = "arkesel"
_ACCOUNT_CHARACTERS_MAX: Final = 60
_BODY_BYTES_MAX: Final = 4096


class Arkesel:
    """The adapter. Nothing promises that a session id never comes back."""

    name = PROVIDER
    content_type = "application/json"
    input: InputMode = "latest"

    def __init__(self, dialling: Dialling) -> None:
        self._dialling = dialling

    def parse_hop(self, body: bytes) -> Hop:
        fields = _fields(body)
        starts = fields.get("newSession")
        if not isinstance(starts, bool):
            raise UnreadablePost("newSession is no flag")
        text = typed_text(_text(fields, "userData"))
        return Hop(
            provider=PROVIDER,
            session_id=session_id_of(_text(fields, "sessionID")),
            phone=self._dialling.phone(_text(fields, "msisdn")),
            text=dialled_link(self._dialling, text) if starts else text,
            network_code=network_of(_text(fields, "network")),
            input="latest",
            starts=starts,
            account=_text(fields, "userID")[:_ACCOUNT_CHARACTERS_MAX],
        )

    def parse_end(self, _body: bytes) -> SessionEnd:
        raise UnreadablePost("Arkesel sends no notification of an end")

    def render(self, reply: Reply, hop: Hop | None) -> bytes:
        answer: dict[str, Any] = {"message": reply.text, "continueSession": not reply.ends}
        if hop is not None:
            answer = {
                "sessionID": hop.session_id,
                "userID": hop.account,
                "msisdn": hop.phone.wire,
                **answer,
            }
        return json.dumps(answer, ensure_ascii=False).encode()

    def acknowledge(self) -> bytes:
        return b"{}"


def dialled_link(dialling: Dialling, dialled: str) -> str:
    """The part of a dial string after our code; of any other code, nothing."""
    text = dialling.without_code(dialled)
    return "" if text.startswith("*") or text.endswith("#") else text


def _fields(body: bytes) -> dict[str, Any]:
    if len(body) > _BODY_BYTES_MAX:
        raise UnreadablePost("more than a hop has reason to hold")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadablePost(f"not JSON: {type(error).__name__}") from None
    if not isinstance(fields, dict):
        raise UnreadablePost("not a JSON object")
    return fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        # Other samples of the same aggregator send numbers bare; leading zeros are then lost for good.
        value = str(value)
    if not isinstance(value, str) or not value.strip().isprintable():
        raise UnreadablePost(f"{name} is no text")
    return value.strip()
