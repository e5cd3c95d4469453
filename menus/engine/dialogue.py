"""Plays a written dialogue against a graph and writes down what was really said.

A dialogue is a text of lines. Kept as they are: `# comment`, `given NAME` (a set of facts), `fact NAME =
JSON`, `pin 4821` (the member's PIN), `septets 160`, `dial` or `dial 1*200`, `drop` (the session is lost and
may be continued), and `> what is typed`. Written anew by each replay: `< screen`, `! effect name=value`,
`* end`. A dialogue passes when its replay equals it; a screen over the budget never passes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from menus.engine.graph import Graph
from menus.engine.gsm7 import septets
from menus.engine.model import (
    SCREEN_SEPTETS,
    Answer,
    Opening,
    PinVerdict,
    Session,
    Step,
    Typed,
    reads_as_pin,
)
from menus.engine.navigation import without_secrets
from menus.engine.step import step

_TRIES_MAX = 3
_LOCK_MINUTES = 30
_HELD = ("<", "!", "*")
_ROUNDS_MAX = 20
_ROWS_OF_DIGITS = "0123456789 9876543210"


class DialogueError(ValueError):
    """A dialogue that cannot be played: an unknown line, a fact that nobody gave, a screen too long."""


def replay(graph: Graph, script: str, given: Mapping[str, Mapping[str, Any]]) -> str:
    """The dialogue as it goes today. `given` are named sets of facts. Raises `DialogueError`."""
    player = _Player(graph, given)
    for number, line in enumerate(script.splitlines(), 1):
        if line.startswith(_HELD):
            continue
        try:
            player.play(line)
        except DialogueError as error:
            raise DialogueError(f"line {number}: {error}") from error
    return "\n".join(player.lines) + "\n"


class _Player:
    """A host small enough for one caller: it checks PINs, performs effects from a table, keeps a session."""

    def __init__(self, graph: Graph, given: Mapping[str, Mapping[str, Any]]) -> None:
        self.graph = graph
        self.given = given
        self.lines: list[str] = []
        self.facts: dict[str, Any] = {}
        self.session: Session | None = None
        self.dropped: Session | None = None
        self.pin = ""
        self.chosen = ""
        self.tries_left = _TRIES_MAX
        self.budget = SCREEN_SEPTETS

    def play(self, line: str) -> None:
        self.lines.append(line.rstrip())
        word, _, rest = line.strip().partition(" ")
        if line.startswith(">"):
            self.hop(self.heard(rest))
        elif word == "dial":
            opening = Opening(tuple(rest.split("*")) if rest else (), self.dropped)
            self.session = self.dropped = None
            self.hop(opening)
        elif word == "drop":
            if self.session is None:
                raise DialogueError("there is no session to drop")
            self.dropped = without_secrets(self.graph, self.session)
        else:
            self.prepare(word, rest)

    def prepare(self, word: str, rest: str) -> None:
        """A line that sets the stage."""
        if word == "given":
            if rest not in self.given:
                raise DialogueError(f"nobody knows the facts `{rest}`")
            self.facts.update(self.given[rest])
        elif word == "fact":
            name, _, value = rest.partition("=")
            self.facts[name.strip()] = json.loads(value)
        elif word == "pin":
            self.pin = rest
        elif word == "septets":
            self.budget = int(rest)
        elif word and not word.startswith("#"):
            raise DialogueError(f"`{word}` begins no line of a dialogue")

    def heard(self, typed: str) -> Answer:
        """What a host makes of the typed text: on PIN screens a verdict, elsewhere the text."""
        expected = self.graph.expects(self.session) if self.session else None
        if expected is None or expected.kind != "pin" or not reads_as_pin(typed):
            return Typed(typed)
        if expected.purpose == "set":
            return self.chosen_pin(typed)
        if expected.purpose == "repeat":
            return PinVerdict("matches" if typed == self.chosen else "mismatch")
        return self.checked_pin(typed)

    def chosen_pin(self, typed: str) -> PinVerdict:
        if len(set(typed)) == 1:
            return PinVerdict("weak", reason="repeated")
        if typed in _ROWS_OF_DIGITS:
            return PinVerdict("weak", reason="sequence")
        self.chosen = typed
        return PinVerdict("chosen", sealed="sealed")

    def checked_pin(self, typed: str) -> PinVerdict:
        if typed == self.pin and self.tries_left:
            self.tries_left = _TRIES_MAX
            return PinVerdict("right")
        self.tries_left = max(0, self.tries_left - 1)
        if self.tries_left:
            return PinVerdict("wrong", tries_left=self.tries_left)
        return PinVerdict("locked", minutes=_LOCK_MINUTES)

    def hop(self, answer: Answer) -> None:
        effects = {rule.effect.name for rule in self.graph.screens.values() if rule.effect}
        facts = {name: value for name, value in self.facts.items() if name not in effects}
        for _ in range(_ROUNDS_MAX):
            outcome = step(self.graph, self.session, answer, facts, self.budget)
            if isinstance(outcome, Step):
                self.write(outcome)
                return
            for effect in outcome.effects:
                args = "".join(f" {name}={value}" for name, value in effect.args.items())
                self.lines.append(f"! {effect.name}{args}")
            self.supply(facts, (*outcome.facts, *(effect.name for effect in outcome.effects)))
        raise DialogueError("the hop never ends")

    def supply(self, facts: dict[str, Any], names: Iterable[str]) -> None:
        for name in names:
            if name not in self.facts:
                raise DialogueError(f"nobody gave the fact `{name}`")
            facts[name] = self.facts[name]

    def write(self, finished: Step) -> None:
        length = septets(finished.text)
        if length > self.budget:
            raise DialogueError(f"{length} septets on `{finished.session.screen}`")
        self.session = finished.session
        self.lines += [f"< {line}".rstrip() for line in finished.text.split("\n")]
        if finished.ends:
            self.lines.append("* end")
