"""Request bodies, read once with a limit, before anything looks at them."""

from typing import Any, Final

BODY_BYTES_MAX: Final = 64 * 1024


class BodyTooLarge(Exception):  # noqa: N818 -- it says what the body is
    """More bytes than anyone who calls us has reason to send. `head`: as many of them as are allowed."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        super().__init__()


def read_body(environ: dict[str, Any], bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The body of a WSGI request. Raises BodyTooLarge; a missing or odd Content-Length reads to the limit."""
    declared = environ.get("CONTENT_LENGTH") or ""
    length = int(declared) if declared.isascii() and declared.isdigit() else bytes_max + 1
    body: bytes = environ["wsgi.input"].read(min(length, bytes_max + 1))
    if len(body) > bytes_max or (declared and length > bytes_max):
        raise BodyTooLarge(body[:bytes_max])
    return body


def as_stored(raw: bytes) -> str:
    """A body as the database can keep it: what is no UTF-8, and NUL, become their escapes."""
    return raw.decode("utf-8", errors="backslashreplace").replace("\x00", "\\x00")
