"""What goes into one step of a menu session and what comes out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, Literal, NamedTuple

from menus.engine.values import value

SESSION_VERSION: Final = 1
PIN_DIGITS: Final = 4
SCREEN_SEPTETS: Final = 160

BACK: Final = "0"
HOME: Final = "00"
MORE: Final = "98"

# What the host found out so far, by fact name; `menus.facts` declares every name and its shape.
Facts = Mapping[str, Any]

PinPurpose = Literal["set", "repeat", "check"]
VerdictKind = Literal["right", "wrong", "locked", "weak", "chosen", "mismatch", "matches"]
EventKind = Literal[
    "entered", "answered", "invalid", "abandoned", "back", "home", "more", "helped", "resumed", "ended"
]


class SessionUnreadableError(ValueError):
    """A stored session that this release cannot read; the host starts a new one."""


@value
class Session:
    """Where one caller is. Immutable; `answers` and `shown` may hold personal data and stay out of repr.

    `answers` are strings by answer name. `shown` are the options of the page as the caller sees them, in
    order: a list item is `=VALUE`, a fixed option its value. `trail` are the screens behind, oldest first,
    as `name` or `name#page`. `origin` is the outcome of the opening decision. `suspended` is the JSON of the
    session whose continuation is being offered.
    """

    graph: str
    language: str
    screen: str
    page: int = 0
    answers: Mapping[str, str] = field(default_factory=dict, repr=False)
    shown: tuple[str, ...] = field(default=(), repr=False)
    trail: tuple[str, ...] = ()
    errors_in_a_row: int = 0
    hops: int = 0
    ended: bool = False
    origin: str = ""
    suspended: str = field(default="", repr=False)

    def to_fields(self) -> list[Any]:
        """A list of JSON's own types, the version first; the inverse of `from_fields`."""
        return [
            SESSION_VERSION,
            self.graph,
            self.language,
            self.screen,
            self.page,
            self.answers,
            self.shown,
            self.trail,
            self.errors_in_a_row,
            self.hops,
            self.ended,
            self.origin,
            self.suspended,
        ]

    def to_json(self) -> str:
        """One compact JSON array; the inverse of `from_json`."""
        return json.dumps(self.to_fields(), separators=(",", ":"), ensure_ascii=False)

    @staticmethod
    def from_fields(fields: Any) -> Session:
        """The session that `to_fields` told. Raises `SessionUnreadableError` for anything else."""
        try:
            version, graph, language, screen, page, answers, shown, trail, *rest = fields
            errors, hops, ended, origin, suspended = rest
            kept, offered, behind = dict(answers), tuple(shown), tuple(trail)
        except (ValueError, TypeError) as error:
            raise SessionUnreadableError("not a stored session") from error
        if version != SESSION_VERSION:
            raise SessionUnreadableError(f"session version {version!r}, expected {SESSION_VERSION}")
        return Session(
            graph,
            language,
            screen,
            page,
            kept,
            offered,
            behind,
            errors,
            hops,
            ended,
            origin,
            suspended,
        )

    @staticmethod
    def from_json(stored: str | bytes) -> Session:
        """The session that `to_json` wrote. Raises `SessionUnreadableError` for anything else."""
        try:
            fields = json.loads(stored)
        except (ValueError, TypeError) as error:
            raise SessionUnreadableError("not a stored session") from error
        return Session.from_fields(fields)


@value
class Opening:
    """The first post of a session: the parts of a deep link (`*code*200#` is `("200",)`), and a session of
    the same phone that was dropped, if there is one.
    """

    link: tuple[str, ...] = field(default=(), repr=False)
    suspended: Session | None = None


@value
class Typed:
    """What the caller typed. Never a PIN: where one is expected the host passes a `PinVerdict` instead."""

    text: str = field(repr=False)


@value
class PinVerdict:
    """What the host found when it checked or sealed a PIN; the PIN itself stays with the host.

    `check` screens take right, wrong (`tries_left`) and locked (`minutes`); `set` screens take weak
    (`reason`: sequence, repeated or birth_year) and chosen (`sealed`, an opaque string kept in the answers);
    `repeat` screens take matches and mismatch.
    """

    kind: VerdictKind
    tries_left: int = 0
    minutes: int = 0
    reason: str = ""
    sealed: str = field(default="", repr=False)


Answer = Opening | Typed | PinVerdict


@value
class Expectation:
    """What the session's screen expects next. `sensitive`: a PIN or something personal; the host keeps none
    of what is typed in clear, whatever it is.
    """

    kind: Literal["nothing", "text", "pin"]
    purpose: PinPurpose | None = None
    sensitive: bool = False

    @staticmethod
    def pin(purpose: PinPurpose) -> Expectation:
        return Expectation("pin", purpose, sensitive=True)


@value
class Effect:
    """Something the host must do, exactly once per hop; its result is the fact of the same name.

    Names and arguments are declared in `menus.effects`. Arguments may hold personal data, hence no repr.
    """

    name: str
    args: Mapping[str, str] = field(default_factory=dict, repr=False)


class Event(NamedTuple):
    """One mark in the funnel: what happened on which screen. Never personal data."""

    kind: EventKind
    screen: str


@value
class Step:
    """A finished hop: the session to keep, the screen to send (within the budget, without CON or END),
    whether it ends the session, and what happened.
    """

    session: Session
    text: str = field(repr=False)
    ends: bool
    events: tuple[Event, ...] = ()


@value
class Wanted:
    """The hop cannot be finished yet: supply these facts, perform these effects, then call `step` again with
    the same session and answer and the facts added. `session` is the draft so far, for reading only.
    """

    facts: frozenset[str]
    effects: tuple[Effect, ...]
    session: Session = field(repr=False)


def reads_as_pin(text: str) -> bool:
    """Whether text typed on a PIN screen is to be treated as a PIN: exactly four digits. Anything else
    (`0`, `00`, letters, five digits) goes to the engine as `Typed`, which never keeps it.
    """
    typed = text.strip()
    return len(typed) == PIN_DIGITS and typed.isascii() and typed.isdigit()
