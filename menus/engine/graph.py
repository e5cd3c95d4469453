"""The compiled, immutable menu: screens of few kinds, and their words in every language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from menus.engine.layout import Entry
from menus.engine.model import Expectation, PinPurpose, Session
from menus.engine.template import Template
from menus.engine.vocabulary import DecisionRule, EffectRule, InputRule, ListRule, Value

# Where a definition may lead besides to a screen.
TO_BACK, TO_HOME, TO_RESUME, TO_START = "<back>", "<home>", "<resume>", "<start>"
# How navigation appears among what was shown.
OFFERS_MORE, OFFERS_BACK, OFFERS_HOME = "<more>", TO_BACK, TO_HOME
ITEM = "="
SPECIAL_TARGETS = frozenset({TO_BACK, TO_HOME, TO_RESUME, TO_START})
# The answer of this name is the language of the session.
LANGUAGE_ANSWER = "language"
# Why a number was not taken, and the same for where the question leaves little room.
NO_CHOICE, NO_CHOICE_SHORT = "choice", "choice_short"
# Between the languages of a remark that is said in several.
_OR = " / "


class Kind(Enum):
    """All kinds of screen there are."""

    CHOICE = "choice"
    INPUT = "input"
    PIN = "pin"
    LIST = "list"
    DECISION = "decision"
    NOTICE = "notice"


_TEXT = Expectation("text")


@dataclass(frozen=True, slots=True)
class Branch:
    """Where a decision's outcome leads, and the remark shown there above the screen."""

    to: str
    say: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One fixed option: the value kept when it is chosen and where it leads."""

    value: str
    to: str


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen of the definition; which fields count depends on its kind (see `menus.engine.schema`)."""

    name: str
    kind: Kind
    answer: str = ""
    to: str = ""
    options: tuple[Option, ...] = ()
    options_by_value: Mapping[str, Option] = field(default_factory=dict)
    list_rule: ListRule | None = None
    input_rule: InputRule | None = None
    decision_rule: DecisionRule | None = None
    effect: EffectRule | None = None
    branches: Mapping[str, Branch] = field(default_factory=dict)
    purpose: PinPurpose | None = None
    locked: str = ""
    mismatch: str = ""
    forgets: tuple[str, ...] = ()
    sensitive: bool = False
    long: bool = False
    informs: bool = False
    ends: bool = False
    back: bool = True
    home: bool = False
    needs: tuple[str, ...] = ()
    expectation: Expectation = _TEXT

    @property
    def shown(self) -> bool:
        """Whether a caller ever sees it."""
        return self.kind is not Kind.DECISION

    @property
    def asks_nothing(self) -> bool:
        """Whether who reads it may well be done: it shows something, and nothing but a way back is offered,
        or it is said to inform.
        """
        is_only_read = self.kind in {Kind.NOTICE, Kind.LIST} and not self.to and not self.options
        return self.informs or is_only_read


@dataclass(frozen=True, slots=True)
class Words:
    """A screen in one language. `entries` are the options as shown, when no placeholder
    is among them. `item` is how a list shows one item. `whole` is head and numbered options
    in one template; `fixed` is True when that page can never exceed the least budget, so that nothing needs
    measuring when it is rendered.
    """

    head: Template
    options: tuple[Template, ...]
    entries: tuple[Entry, ...] | None
    item: str
    whole: Template
    fixed: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A dial-in alias: literal parts, and rules for parts that carry a value. Never leads past a
    confirmation or a PIN, because it leads to the screen that asks for it.
    """

    path: tuple[str | InputRule, ...]
    to: str
    answer: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Language:
    """One language: texts by key, compiled screens, remarks (reasons and notices) by key.

    `navigation` are its eight lines, by `4 * more + 2 * back + home`. `reason_room` are the septets kept on
    every page of a list or long text for "choose a number shown", so that a slip never changes the pages.
    """

    code: str
    texts: Mapping[str, str]
    screens: Mapping[str, Words]
    remarks: Mapping[str, Template]
    navigation: tuple[str, ...]
    reason_room: int


def in_each(said: Iterable[str]) -> str:
    """One remark as it is said in several languages."""
    return _OR.join(dict.fromkeys(said))


@dataclass(frozen=True, slots=True)
class Graph:
    """A menu definition compiled once. Equal content has an equal `hash`, whatever the order of files."""

    hash: str
    start: str
    home: str
    resume: str
    stuck: str
    trouble: str
    over: str
    secrets: frozenset[str]
    screens: Mapping[str, Screen]
    languages: Mapping[str, Language]
    links: tuple[Link, ...]
    default_language: str
    language_value: Value | None

    def expects(self, session: Session) -> Expectation:
        """What the session's screen takes next; ask this before `step`, so that a PIN never reaches it."""
        screen = self.screens.get(session.screen)
        if session.ended or screen is None:
            return Expectation("nothing")
        return screen.expectation

    def tongues(self, screen: Screen, language: str) -> tuple[Language, ...]:
        """The languages in which a remark above `screen` is said: that of the session, but where the language
        itself is asked for nobody knows which one is read, and so in each that can be chosen there.
        """
        codes = [option.value for option in screen.options] if screen.answer == LANGUAGE_ANSWER else []
        offered = tuple(self.languages[code] for code in codes if code in self.languages)
        return offered or (self.languages[language],)

    def __repr__(self) -> str:
        return f"Graph({self.hash}, {len(self.screens)} screens, {'/'.join(self.languages)})"
