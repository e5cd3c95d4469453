"""The way to those who called us: one HTTPS post with deadlines, no redirects, a plain outcome."""

import time

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from core.clock import Clock
from core.errors import InvalidValue
from registry.addresses import is_this_machine
from registry.canonical import read_object
from registry.codes import code_named
from registry.http_answers import Outcome, judge
from registry.outcomes import Answered, Refused, Unavailable
from registry.reading import read_body
from registry.wire import first_error

_CONNECT_SECONDS = 3.0
_READ_SECONDS = 10.0
_ANSWER_SECONDS = 20.0
_ANSWER_BYTES_MAX = 100_000


class Poster:
    """Posts JSON. May be shared by threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def post(self, url: str, body: bytes) -> Outcome:
        """Post and judge. `Answered`: it has arrived, be it to be refused for good."""
        give_up_at = time.monotonic() + _ANSWER_SECONDS
        try:
            with requests.Session() as session:
                # A proxy set for the outside world cannot reach this machine's own sandbox.
                session.trust_env = not is_this_machine(url)
                session.mount("https://", HTTPAdapter(max_retries=0))
                with session.post(
                    url,
                    data=body,
                    headers={"Content-Type": "application/json; charset=utf-8"},
                    timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    answer = read_body(response, _ANSWER_BYTES_MAX, give_up_at)
                    outcome = judge(response.status_code, response.headers, answer, self._clock.now())
        except (requests.RequestException, HTTPError, OSError, ValueError, InvalidValue) as error:
            return Unavailable(type(error).__name__)
        if isinstance(outcome, Answered) and not _is_of_a_registry(answer):
            return Unavailable("answer_unreadable")
        error_told = first_error(answer)
        if error_told is None or isinstance(outcome, Unavailable):
            return outcome
        code = code_named(error_told[0])
        if code.permanent or code.seen_before:
            return Answered(answer)
        return outcome if isinstance(outcome, Refused) else Refused.because(*error_told)


def _is_of_a_registry(answer: bytes) -> bool:
    """Whether it is an acknowledgement, however bare: a page in HTML is of a proxy or a portal between."""
    if answer.strip():
        try:
            read_object(answer, _ANSWER_BYTES_MAX)
        except InvalidValue:
            return False
    return True
