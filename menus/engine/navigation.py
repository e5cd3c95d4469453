"""Moving through the graph: Back, Home, decisions on the way, and taking up a dropped session."""

from __future__ import annotations

from dataclasses import replace

from menus.engine.graph import (
    LANGUAGE_ANSWER,
    SPECIAL_TARGETS,
    TO_BACK,
    TO_HOME,
    TO_RESUME,
    Graph,
    Kind,
    Screen,
)
from menus.engine.model import Effect, Event, EventKind, Facts, Session
from menus.engine.vocabulary import View

# More decisions in a row than any definition has; the lint proves that there is a way out of each circle.
_DECISIONS_MAX = 40
RIGHT = "right"
# Figures of a PIN verdict that texts may show; kept among the answers, for this session only.
TRIES_LEFT, LOCKED_MINUTES = "tries_left", "locked_minutes"


class WantedError(Exception):
    """Carries what is missing out of the middle of a walk; `step` turns it into `Wanted`."""

    def __init__(self, facts: frozenset[str], effects: tuple[Effect, ...] = ()) -> None:
        super().__init__(facts)
        self.facts = facts
        self.effects = effects


class Walk:
    """One hop in progress: the mutable draft of the next session."""

    __slots__ = (
        "_view",
        "answers", "errors", "events", "facts", "graph", "hops", "language", "origin", "page", "remark",
        "screen", "suspended", "trail",
    )  # fmt: skip

    def __init__(self, graph: Graph, session: Session | None, facts: Facts) -> None:
        self.graph = graph
        self.facts = facts
        self.events: list[Event] = []
        self._view: View | None = None
        self.remark = ""
        if session is None:
            session = Session(graph.hash, graph.default_language, "")
        self.language = session.language
        self.screen = session.screen
        self.page = session.page
        self.answers = dict(session.answers)
        self.trail = list(session.trail)
        self.errors = session.errors_in_a_row
        self.hops = session.hops
        self.origin = session.origin
        self.suspended = session.suspended

    @property
    def spec(self) -> Screen:
        return self.graph.screens[self.screen]

    def view(self) -> View:
        """What rules may look at now; made anew only when it would differ."""
        view = self._view
        if view is None or view.language != self.language or view.answers is not self.answers:
            texts = self.graph.languages[self.language].texts
            view = self._view = View(self.answers, self.facts, self.language, texts)
        return view

    def draft(self) -> Session:
        return Session(
            self.graph.hash,
            self.language,
            self.screen,
            self.page,
            self.answers,
            (),
            tuple(self.trail),
            self.errors,
            self.hops,
            origin=self.origin,
            suspended=self.suspended,
        )

    def mark(self, kind: EventKind, screen: str | None = None) -> None:
        self.events.append(Event(kind, self.screen if screen is None else screen))

    def require(self, needs: tuple[str, ...]) -> None:
        """All these facts, or `WantedError`."""
        for name in needs:
            if name not in self.facts:
                raise WantedError(frozenset(need for need in needs if need not in self.facts))

    def keep(self, name: str, value: str) -> None:
        """Keep an answer; the one named `language` also changes the language of the session."""
        if name:
            self.answers[name] = value
            if name == LANGUAGE_ANSWER and value in self.graph.languages:
                self.language = value

    def advance(self, target: str) -> None:
        """Go on to `target`; the present screen stays behind on the trail."""
        if target not in SPECIAL_TARGETS:
            self._leave_behind(f"{self.screen}#{self.page}" if self.page else self.screen)
        self.go(target)

    def go(self, target: str) -> None:
        """Land on the screen that `target` leads to, through every decision on the way."""
        for _ in range(_DECISIONS_MAX):
            if target in SPECIAL_TARGETS:
                self._go_special(target)
                return
            spec = self.graph.screens[target]
            if spec.kind is Kind.DECISION:
                target = self.decide(spec)[1]
            elif self._answered_already(spec):
                self._leave_behind(spec.name)
                target = spec.to
            else:
                self.land(target, 0)
                return
        raise RecursionError(f"decisions never end at {target}")

    def decide(self, spec: Screen) -> tuple[str, str]:
        """The outcome of a decision and where it leads, its effect performed first."""
        rule = spec.decision_rule
        if rule is None:
            raise ValueError(f"{spec.name} is no decision")
        effect = spec.effect
        if effect is not None and effect.name not in self.facts:
            self.require(effect.needs)
            raise WantedError(frozenset(), (Effect(effect.name, effect.collect(self.view())),))
        self.require(rule.needs)
        outcome = rule.choose(self.view())
        branch = spec.branches[outcome]
        if branch.say:
            self.remark = f"say.{branch.say}"
        return outcome, branch.to

    def land(self, name: str, page: int) -> None:
        """Be on a screen. One that is already behind is returned to, so that trails never grow in circles."""
        for position, entry in enumerate(self.trail):
            if place_of(entry)[0] == name:
                del self.trail[position:]
                break
        self.screen = name
        self.page = page
        self.errors = 0
        self.mark("entered")

    def back(self) -> None:
        """To the page before, or to the last screen behind that still asks something."""
        if self.page > 0:
            self.page -= 1
            return
        while self.trail:
            name, page = place_of(self.trail.pop())
            if not self._answered_already(self.graph.screens[name]):
                self.land(name, page)
                return
        self.home()

    def home(self) -> None:
        """To the home screen; what was typed on the way is forgotten, a right PIN is not."""
        kept = {LANGUAGE_ANSWER, *self.graph.secrets}
        self.answers = {name: value for name, value in self.answers.items() if name in kept}
        self.trail.clear()
        self.go(self.graph.home)

    def _go_special(self, target: str) -> None:
        if target == TO_BACK:
            self.page = 0
            self.back()
        elif target == TO_HOME:
            self.home()
        elif target == TO_RESUME:
            self._take_up_offered()
        else:
            self.start_again()

    def start_again(self) -> None:
        """Forget everything and open anew."""
        self.suspended = ""
        self.answers = {}
        self.trail.clear()
        self.open()

    def open(self) -> None:
        """Land where the opening decision leads; `origin` is its outcome."""
        self.origin, target = self.decide(self.graph.screens[self.graph.start])
        self.go(target)

    def _take_up_offered(self) -> None:
        # The menus may have changed since the offer was shown: `adopt` carried over the offer alone.
        session = adopt(self.graph, Session.from_json(self.suspended))
        if session is None:
            self.start_again()
        else:
            self.take_up(session)

    def take_up(self, session: Session) -> None:
        """Continue a dropped session at its place, or at the first PIN screen before it: secrets are asked
        again.
        """
        kept = without_secrets(self.graph, session)
        self.suspended = ""
        self.language = kept.language
        self.answers = dict(kept.answers)
        self.trail = list(kept.trail)
        self.land(kept.screen, kept.page)
        self.mark("resumed")

    def _answered_already(self, spec: Screen) -> bool:
        return spec.purpose == "check" and self.answers.get(spec.answer) == RIGHT

    def _leave_behind(self, entry: str) -> None:
        name = place_of(entry)[0]
        for position, earlier in enumerate(self.trail):
            if place_of(earlier)[0] == name:
                del self.trail[position:]
                break
        self.trail.append(entry)


def without_secrets(graph: Graph, session: Session) -> Session:
    """The session as it may be kept for later: no PIN verdict, no sealed PIN, and its place moved to the
    first PIN screen it has passed, so that nothing behind a PIN is shown without asking again.
    """
    dropped = {*graph.secrets, TRIES_LEFT, LOCKED_MINUTES}
    answers = {name: value for name, value in session.answers.items() if name not in dropped}
    places = [*(place_of(entry) for entry in session.trail), (session.screen, session.page)]
    for position, (name, _) in enumerate(places):
        if graph.screens[name].kind is Kind.PIN:
            trail = session.trail[:position]
            return replace(session, answers=answers, screen=name, page=0, trail=trail, shown=(), suspended="")
    return replace(session, answers=answers, shown=(), suspended="")


def adopt(graph: Graph, session: Session) -> Session | None:
    """A dropped session of an older definition, carried over to this one when every screen it has seen
    still exists; None when it does not. A session whose continuation it offers is carried over when that is
    taken up.
    """
    if session.graph == graph.hash:
        return session
    names = [session.screen, *(place_of(entry)[0] for entry in session.trail)]
    known = all(name in graph.screens and graph.screens[name].shown for name in names)
    if not known or session.language not in graph.languages:
        return None
    return replace(session, graph=graph.hash, page=0)


def place_of(entry: str) -> tuple[str, int]:
    """The screen and the page of an entry of a trail."""
    name, _, page = entry.partition("#")
    return name, int(page or 0)
