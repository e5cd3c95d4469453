"""All the sandbox sends to the gateway: kept first, posted once due, with the answer written down."""

import json
from collections.abc import Mapping
from typing import Any

import requests

from sandbox.agenda import Agenda
from sandbox.clock import Clock
from sandbox.faults import NO_FAULT, Fault
from sandbox.store import Store
from sandbox.switches import current

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
RETRY_SECONDS = 5.0
REORDER_SECONDS = 3.0
DUPLICATE_SECONDS = 0.3
# The end notice of a USSD session repeats the whole path, PIN included.
PRIVATE_FIELDS = frozenset({"input", "lastAppResponse"})


class Post:
    """Outgoing callbacks. Nobody promises that one arrives once, in order, or at all."""

    def __init__(self, store: Store, clock: Clock, agenda: Agenda) -> None:
        self._store = store
        self._clock = clock
        self._agenda = agenda
        agenda.handle("post", self._deliver)

    def send(
        self,
        part: str,
        subject: str,
        url: str,
        body: Mapping[str, Any],
        *,
        form: bool = False,
        method: str = "POST",
        in_seconds: float = 0.2,
        fault: Fault = NO_FAULT,
    ) -> None:
        """Puts a callback on the agenda as `fault` (drop, duplicate, delay_s, reorder) lets it."""
        if fault.drop:
            self._note(part, subject, url, body, None, "dropped by fault")
            return
        due = in_seconds + fault.delay_s
        if fault.reorder:
            due += fault.jitter(f"{part}:{subject}", REORDER_SECONDS)
        payload = {
            "part": part,
            "subject": subject,
            "url": url,
            "body": dict(body),
            "form": form,
            "method": method,
            "attempt": 0,
        }
        for copy in range(fault.duplicate + 1):
            self._agenda.add("post", payload, due + copy * DUPLICATE_SECONDS)

    def _deliver(self, letter: dict[str, Any]) -> None:
        status, error = self._post(letter)
        self._note(letter["part"], letter["subject"], letter["url"], letter["body"], status, error)
        delivered = status is not None and 200 <= status < 300  # noqa: PLR2004 - the HTTP success class.
        if not delivered and letter["attempt"] < current(self._store).callback_retries:
            attempt = letter["attempt"] + 1
            self._agenda.add("post", letter | {"attempt": attempt}, RETRY_SECONDS * attempt)

    @staticmethod
    def _post(letter: dict[str, Any]) -> tuple[int | None, str]:
        headers = {"User-Agent": "at-ussd-api/1.0" if letter["form"] else "Apache-HttpClient/4.5.13"}
        if letter["form"]:
            data = letter["body"]
        else:
            headers["Content-Type"] = "application/json"
            data = json.dumps(letter["body"]).encode()
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.request(
                    letter.get("method", "POST"),
                    letter["url"],
                    data=data,
                    headers=headers,
                    timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                    allow_redirects=False,
                )
                return answer.status_code, ""
        except requests.RequestException as error:
            return None, type(error).__name__

    def _note(
        self, part: str, subject: str, url: str, body: Mapping[str, Any], status: int | None, error: str
    ) -> None:
        self._store.insert(
            "callbacks",
            at=self._clock.now(),
            part=part,
            subject=subject,
            url=url,
            body=json.dumps({key: "***" if key in PRIVATE_FIELDS else value for key, value in body.items()}),
            status=status,
            error=error,
        )
