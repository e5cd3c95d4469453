"""Reading what a client publishes: one small document, with deadlines and without redirects."""

import requests

from registry.addresses import is_this_machine

_CONNECT_SECONDS = 3.0
_READ_SECONDS = 10.0


def fetch_json(url: str, bytes_max: int) -> bytes:
    """A small document at an address that an operator entered. Raises OSError."""
    with requests.Session() as session:
        session.trust_env = not is_this_machine(url)
        with session.get(
            url, timeout=(_CONNECT_SECONDS, _READ_SECONDS), allow_redirects=False, stream=True
        ) as response:
            response.raise_for_status()
            read: bytes = response.raw.read(bytes_max + 1, decode_content=True)
            return read
