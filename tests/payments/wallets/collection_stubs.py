"""A provider made of documented bodies, and a sandbox of its own, for wallets that only collect."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import responses

from payments.wallets.protocol import AskOutcome, StillOpen, Wallet

GIVE_UP_SECONDS = 30.0


@dataclass
class Provider:
    """What is answered per method and path, the last answer again and again, and what was asked."""

    base_url: str
    mock: responses.RequestsMock
    answers: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    asked: list[requests.PreparedRequest] = field(default_factory=list)

    def answer(self, method: str, path: str, *answers: Any) -> None:
        """Each is `(status, body)` or an exception; None is an empty body. A path may end in `*`."""
        self.answers[method, path] = list(answers)

    def to(self, method: str, path: str) -> list[requests.PreparedRequest]:
        base = urlsplit(self.base_url).path
        return [one for one in self.asked if (one.method, urlsplit(one.url).path) == (method, base + path)]

    def give(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        self.asked.append(request)
        path = str(request.url).removeprefix(self.base_url)
        waiting = next(
            answers
            for (method, known), answers in self.answers.items()
            if method == request.method
            and (path == known or (known[-1] == "*" and path.startswith(known[:-1])))
        )
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        return status, {}, "" if body is None else body if isinstance(body, str) else json.dumps(body)


@contextmanager
def provider(base_url: str) -> Iterator[Provider]:
    """Nothing but what a test answers is reachable."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        stub = Provider(base_url, mock)
        for method in ("GET", "POST"):
            mock.add_callback(method, re.compile(re.escape(base_url) + ".*"), stub.give)
        yield stub


class SandboxSide:
    """What a stage needs of a running sandbox, for one of its parts."""

    def __init__(self, url: str, part: str, push_path: str) -> None:
        self.url = url
        self.part = part
        self._push_path = push_path
        self.http = requests.Session()
        self.http.trust_env = False
        self.put("switches", auto_seconds=0)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def payers_will(self, outcome: str) -> None:
        wanted = {"auto": False} if outcome == "open" else {"auto": True, "outcome": outcome}
        self.put(f"faults/{self.part}", **wanted)

    def prompts_received(self) -> int:
        received = self.get(f"requests?to={self.part}")
        return sum(one["method"] == "POST" and one["path"].endswith(self._push_path) for one in received)

    def ended(self, wallet: Wallet, checkout_id: str) -> AskOutcome:
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < give_up_at:
            outcome = wallet.ask(checkout_id)
            if outcome != StillOpen():
                return outcome
        raise AssertionError("the prompt did not end")

    def callback(self, checkout_id: str) -> str:
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < give_up_at:
            for one in self.get("callbacks"):
                if one["part"] == self.part and one["subject"] == checkout_id:
                    return json.dumps(one["body"])
        raise AssertionError("no callback came")

    def get(self, path: str) -> Any:
        return self.http.get(f"{self.url}/{path}", timeout=GIVE_UP_SECONDS).json()

    def put(self, path: str, **body: Any) -> None:
        self.http.put(f"{self.url}/{path}", json=body, timeout=GIVE_UP_SECONDS).raise_for_status()
