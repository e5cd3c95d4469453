"""The typed, named functions that a menu definition may refer to: there is no other logic in a menu.

Each declares what it cannot do without: `needs` are facts, `answers` are answers given before. The engine
asks the host for the one, the lint proves the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from menus.engine.model import Facts
from menus.engine.values import value


@value
class View:
    """What a rule may look at: answers so far, facts, the language and its texts by key."""

    answers: Mapping[str, str] = field(repr=False)
    facts: Facts = field(repr=False)
    language: str
    texts: Mapping[str, str] = field(repr=False)


@value
class Accepted:
    """An input in the form in which it is kept."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """An input that is not accepted; the text `reason.<reason>` says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class InputRule:
    """Reads what was typed. `reasons` are all it may refuse with."""

    name: str
    reasons: tuple[str, ...]
    read: Callable[[str, View], Accepted | Refused]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """Chooses one of its `outcomes` from answers and facts. `proves` are answers that an outcome shows to
    have been given.
    """

    name: str
    outcomes: tuple[str, ...]
    choose: Callable[[View], str]
    needs: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    proves: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListRule:
    """Yields (value, label) pairs. `longest` is the longest label there can be, in any language."""

    name: str
    items: Callable[[View], list[tuple[str, str]]]
    longest: str
    items_max: int
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """Fills the placeholder of its name. `longest` is the longest it can be.

    A name may be made to fit (`shortens`); anything else is shown whole, even when it is longer than was
    declared: the screen then takes another page rather than cut an amount.
    """

    name: str
    make: Callable[[View], str]
    longest: str
    needs: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    shortens: bool = False


@dataclass(frozen=True, slots=True)
class EffectRule:
    """Collects the arguments of an effect. `args` are their names, all of them, always."""

    name: str
    args: tuple[str, ...]
    collect: Callable[[View], dict[str, str]]
    answers: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Everything a definition may name."""

    inputs: Mapping[str, InputRule]
    decisions: Mapping[str, DecisionRule]
    lists: Mapping[str, ListRule]
    values: Mapping[str, Value]
    effects: Mapping[str, EffectRule]

    @staticmethod
    def of(
        inputs: Iterable[InputRule] = (),
        decisions: Iterable[DecisionRule] = (),
        lists: Iterable[ListRule] = (),
        values: Iterable[Value] = (),
        effects: Iterable[EffectRule] = (),
    ) -> Vocabulary:
        return Vocabulary(
            {rule.name: rule for rule in inputs},
            {rule.name: rule for rule in decisions},
            {rule.name: rule for rule in lists},
            {rule.name: rule for rule in values},
            {rule.name: rule for rule in effects},
        )
