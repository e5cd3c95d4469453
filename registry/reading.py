"""Reading an HTTP answer with an end: neither too many bytes nor too long, however slowly they come."""

import time

import requests

from core.errors import InvalidValue

_CHUNK_BYTES = 65_536


def read_body(response: requests.Response, bytes_max: int, give_up_at: float) -> bytes:
    """The body of a streamed answer. `give_up_at`: by the monotonic clock.

    Raises InvalidValue when there is more of it, TimeoutError when time is up, HTTPError of urllib3 when it
    breaks off.
    """
    parts = bytearray()
    # `read1` gives what has come; `iter_content` would wait for a full chunk and never look at the clock.
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        parts += chunk
        if len(parts) > bytes_max:
            raise InvalidValue("the answer is too large")
        if time.monotonic() > give_up_at:
            raise TimeoutError
    return bytes(parts)
