"""What probes talk to: an endpoint that takes a post and gives a screen, over HTTP or in this process."""

import http.client
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from bench.posts import body

_TIMEOUT_SECONDS = 15.0
_HTTP_OK = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer: the HTTP status and the body as text. Status 0: none came."""

    status: int
    text: str

    @property
    def ends(self) -> bool:
        return self.text.startswith("END")

    @property
    def is_screen(self) -> bool:
        return self.status == _HTTP_OK and self.text.startswith(("CON", "END"))

    @property
    def screen(self) -> str:
        """What a caller reads, without the word that says whether the session goes on."""
        return self.text[4:] if self.is_screen else self.text


class Endpoint(Protocol):
    """Posts one hop. Safe to use from several threads at once."""

    def post(self, session_id: str, phone: str, text: str) -> Seen: ...


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """An endpoint somewhere, by its URL."""

    url: str

    def post(self, session_id: str, phone: str, text: str) -> Seen:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        # A connection per post, as gateways do when they are in trouble; speed is measured elsewhere.
        connection = kind(parts.netloc, timeout=_TIMEOUT_SECONDS)
        try:
            target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", target, body(session_id, phone, text), headers)
            response = connection.getresponse()
            return Seen(response.status, response.read().decode(errors="replace"))
        except (OSError, http.client.HTTPException) as error:
            return Seen(0, f"no answer: {type(error).__name__}")
        finally:
            connection.close()
