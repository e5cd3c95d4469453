"""What is probed: an endpoint, its flow, its phones, and as much of its inside as can be looked at."""

import itertools
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from redis import Redis

from bench.probes.endpoint import Endpoint, Seen
from bench.probes.flow import Flow

_JOIN_STEPS_MAX = 20


class WrongError(Exception):
    """The endpoint did something else than the rule says."""


class NotApplicableError(Exception):
    """The probe needs something that this endpoint does not have or does not show."""


@dataclass(frozen=True, slots=True)
class Inside:
    """What some endpoints let a probe look at or do. None: cannot be done here.

    `session_keys`: every key in the session store and its TTL in seconds, -1 without one. `savings`: how many
    savings were ever set off. `definition_faults`: what a check before serving says of the definition as it
    is (None) or with a fault put in (`orphan`, `overlong`, `dangling`). `redeployed`: the same service with
    its menus renumbered. `change_list`: make other amounts be offered to a phone. `crashing`: while it lasts,
    replies are lost after the session was written. `places_of`: where a secret is stored or logged.
    `xml_reply`: what the same service answers to a dial in an XML protocol.
    """

    session_keys: Callable[[], Mapping[str, int]] | None = None
    savings: Callable[[], int] | None = None
    definition_faults: Callable[[str | None], list[str]] | None = None
    redeployed: Callable[[], Endpoint] | None = None
    change_list: Callable[[str], None] | None = None
    crashing: Callable[[], AbstractContextManager[None]] | None = None
    places_of: Callable[[str], list[str]] | None = None
    xml_reply: Callable[[str], str] | None = None


def keys_of(client: Redis, flow: Flow) -> Mapping[str, int]:
    """Every key that sessions of a flow have written, and its TTL in seconds, -1 without one."""
    keys = [key.decode(errors="replace") for key in client.scan_iter(flow.keys, count=1000)]
    return {key: int(client.ttl(key)) for key in keys if key not in flow.no_session}


@dataclass
class Subject:
    """Everything that a probe needs. `people` are phones and national IDs, each used once; `trail` is what
    was posted and seen so far.
    """

    endpoint: Endpoint
    flow: Flow
    people: Iterator[tuple[str, str]]
    inside: Inside = field(default_factory=Inside)
    trail: list[tuple[str, Seen]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, phone: str | None = None, endpoint: Endpoint | None = None) -> "Call":
        """A call not yet dialled, from a phone that has joined."""
        with self._lock:
            number = next(self._numbers)
            phone = phone or self.member()
        return Call(self, endpoint or self.endpoint, phone, f"ATUid_probe{id(self):x}{number:06}")

    def member(self) -> str:
        """A phone not used before, joined first where the flow wants that. Raises WrongError."""
        phone, national_id = next(self.people)
        if self.flow.join:
            self._join(phone, national_id)
        return phone

    def _join(self, phone: str, national_id: str) -> None:
        call = Call(self, self.endpoint, phone, f"ATUid_join{id(self):x}{next(self._numbers):06}")
        seen = call.dial()
        for _ in range(_JOIN_STEPS_MAX):
            if seen.ends:
                return
            answer = next((a for p, a in self.flow.join if re.search(p, seen.screen, re.IGNORECASE)), None)
            if answer is None:
                raise WrongError(f"joining stopped at: {seen.screen}")
            seen = call.answer(answer.format(id=national_id))
        raise WrongError(f"joining never ended: {seen.screen}")


@dataclass
class Call:
    """One USSD session of one phone."""

    subject: Subject
    endpoint: Endpoint
    phone: str
    session_id: str
    text: str = ""

    def post(self, text: str, phone: str | None = None) -> Seen:
        """Post exactly this text, whatever was posted before. Raises WrongError when no screen comes back."""
        self.text = text
        seen = self.endpoint.post(self.session_id, phone or self.phone, text)
        self.subject.trail.append((text, seen))
        if not seen.is_screen:
            raise WrongError(f"no screen: {seen.status} {seen.text[:120]!r}")
        return seen

    def dial(self, link: str = "") -> Seen:
        return self.post(link)

    def answer(self, typed: str) -> Seen:
        return self.post(f"{self.text}*{typed}" if self.text else typed)

    def again(self) -> Seen:
        return self.post(self.text)

    def home(self) -> Seen:
        """Dial, and start again when there was something to continue."""
        seen = self.dial()
        if self.subject.flow.is_resume(seen.screen):
            seen = self.answer(self.subject.flow.start_again)
        need(self.subject.flow.is_home(seen.screen), "home was expected", seen)
        return seen

    def to_amount(self) -> Seen:
        """Dial and walk to where an amount is typed."""
        seen = self.home()
        for typed in self.subject.flow.to_amount:
            seen = self.answer(typed)
        need(self.subject.flow.is_amount(seen.screen), "the amount screen was expected", seen)
        return seen

    def to_confirmation(self, shillings: int = 200) -> Seen:
        self.to_amount()
        seen = self.answer(str(shillings))
        need(self.confirms(seen, shillings), f"the confirmation of {shillings} was expected", seen)
        return seen

    def confirms(self, seen: Seen, shillings: int) -> bool:
        return not seen.ends and self.subject.flow.is_confirmation(seen.screen, shillings)


def need(right: bool, why: str, seen: Seen) -> None:
    """Raises WrongError, with what was seen instead."""
    if not right:
        raise WrongError(f"{why}, not: {seen.text[:160]!r}")
