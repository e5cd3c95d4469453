"""The posts of a USSD dialog as an aggregator of Africa's Talking's format sends them."""

from collections.abc import Sequence
from urllib.parse import urlencode

from bench.load import Dialog, Request

SERVICE_CODE = "*384*96#"
NETWORK_CODE = "63902"


def body(session_id: str, phone: str, text: str) -> bytes:
    """The form that is posted; `text` is everything typed so far, joined by `*`."""
    fields = {
        "sessionId": session_id,
        "phoneNumber": phone,
        "networkCode": NETWORK_CODE,
        "serviceCode": SERVICE_CODE,
        "text": text,
    }
    return urlencode(fields).encode()


def dialog(path: str, session_id: str, phone: str, hops: Sequence[tuple[str, str]]) -> Dialog:
    """The requests of one call: for each hop the text posted and what its answer must contain."""
    return [Request(_wire(path, body(session_id, phone, text)), expected.encode()) for text, expected in hops]


def _wire(path: str, content: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content
