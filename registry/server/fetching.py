"""Reading what a client publishes: one small document, with deadlines and without redirects."""

import time

import requests
from urllib3.exceptions import HTTPError

from registry.addresses import is_this_machine
from registry.reading import read_body

# Short: a web thread waits, and there are few of them.
_CONNECT_SECONDS = 3.0
_READ_SECONDS = 3.0
_ANSWER_SECONDS = 5.0


def fetch_json(url: str, bytes_max: int, *, answer_seconds: float = _ANSWER_SECONDS) -> bytes:
    """A small document at an address that an operator entered. Raises OSError, InvalidValue."""
    give_up_at = time.monotonic() + answer_seconds
    with requests.Session() as session:
        session.trust_env = not is_this_machine(url)
        try:
            with session.get(
                url, timeout=(_CONNECT_SECONDS, _READ_SECONDS), allow_redirects=False, stream=True
            ) as response:
                response.raise_for_status()
                return read_body(response, bytes_max, give_up_at)
        except HTTPError as error:
            raise OSError("the document broke off") from error
