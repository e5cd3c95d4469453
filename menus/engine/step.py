"""One hop: from a session, an answer and facts to the next screen. Pure, total and deterministic."""

from __future__ import annotations

from menus.engine.graph import (
    ITEM,
    NO_CHOICE,
    NO_CHOICE_SHORT,
    OFFERS_BACK,
    OFFERS_HOME,
    OFFERS_MORE,
    Graph,
    Kind,
    in_each,
)
from menus.engine.model import (
    BACK,
    HOME,
    MORE,
    SCREEN_SEPTETS,
    Answer,
    Facts,
    Opening,
    PinVerdict,
    Session,
    Step,
    Typed,
    Wanted,
    reads_as_pin,
)
from menus.engine.navigation import Walk, WantedError
from menus.engine.opening import opened
from menus.engine.pins import verdict_given
from menus.engine.render import render
from menus.engine.vocabulary import Accepted

_ERRORS_BEFORE_HELP = 3
_NAVIGATION = {BACK: OFFERS_BACK, HOME: OFFERS_HOME, MORE: OFFERS_MORE}


def step(
    graph: Graph,
    session: Session | None,
    answer: Answer | None,
    facts: Facts,
    budget: int = SCREEN_SEPTETS,
) -> Step | Wanted:
    """The next screen, or what is still wanted to decide it.

    `Opening` begins a session whatever was there before, and so does None as the session; None as the answer
    draws the screen again. `budget` is the network's limit in septets: the lint proves 160; on fewer there
    are more pages, and a call may end on the first of two. Raises ValueError only when the host breaks its
    side: a PIN handed in as typed text, a verdict on a screen that asks for none, or a session of another
    definition.
    """
    if isinstance(answer, Opening):
        session = None
    if session is not None and session.graph != graph.hash:
        raise ValueError("a session belongs to the definition it began with")
    walk = Walk(graph, session, facts)
    try:
        _turn(walk, session, answer)
        walk.hops += 1
        return _finished(walk, budget)
    except WantedError as wanted:
        return Wanted(wanted.facts, wanted.effects, walk.draft())


def _turn(walk: Walk, session: Session | None, answer: Answer | None) -> None:
    if session is None:
        opened(walk, answer if isinstance(answer, Opening) else Opening())
    elif session.ended:
        walk.go(walk.graph.over)
    elif isinstance(answer, PinVerdict):
        verdict_given(walk, answer)
    elif isinstance(answer, Typed):
        _typed(walk, session, answer.text.strip())


def _typed(walk: Walk, session: Session, typed: str) -> None:
    offer = _NAVIGATION.get(typed)
    if offer is not None and offer in session.shown:
        _navigate(walk, offer)
        return
    spec = walk.spec
    if spec.kind is Kind.INPUT:
        _input(walk, typed)
    elif spec.kind is Kind.PIN:
        if reads_as_pin(typed):
            raise ValueError("a PIN must not reach the engine")
        invalid(walk, "pin_format")
    else:
        _chosen(walk, session, typed)


def _navigate(walk: Walk, offer: str) -> None:
    if offer == OFFERS_MORE:
        walk.mark("more")
        walk.page += 1
        walk.errors = 0
    elif offer == OFFERS_BACK:
        walk.mark("back")
        walk.errors = 0
        walk.back()
    else:
        walk.mark("home")
        walk.home()


def _input(walk: Walk, typed: str) -> None:
    spec = walk.spec
    rule = spec.input_rule
    if rule is None:
        raise ValueError(f"{spec.name} takes no input")
    walk.require(rule.needs)
    outcome = rule.read(typed, walk.view())
    if isinstance(outcome, Accepted):
        _answered(walk, spec.answer, outcome.value)
        walk.advance(spec.to)
    else:
        invalid(walk, outcome.reason)


def _chosen(walk: Walk, session: Session, typed: str) -> None:
    """A number stands for what was shown beside it, whatever the list would say now."""
    value = ""
    if typed.isascii() and typed.isdigit() and len(typed) == 1 and typed != "0":
        index = int(typed) - 1
        if index < len(session.shown) and session.shown[index] not in _NAVIGATION.values():
            value = session.shown[index]
    spec = walk.spec
    if value.startswith(ITEM):
        _answered(walk, spec.answer, value[len(ITEM) :])
        walk.advance(spec.to)
    elif value in spec.options_by_value:
        _answered(walk, spec.answer if spec.kind is Kind.CHOICE else "", value)
        walk.advance(spec.options_by_value[value].to)
    else:
        invalid(walk, NO_CHOICE)


def _answered(walk: Walk, name: str, value: str) -> None:
    walk.mark("answered")
    for forgotten in walk.spec.forgets:
        walk.answers.pop(forgotten, None)
    walk.keep(name, value)


def invalid(walk: Walk, reason: str) -> None:
    """Say what is wrong and keep the place; at the third time in a row offer help."""
    walk.mark("invalid")
    walk.errors += 1
    if walk.errors >= _ERRORS_BEFORE_HELP and walk.screen != walk.graph.stuck:
        walk.mark("helped")
        walk.advance(walk.graph.stuck)
    else:
        walk.remark = f"reason.{reason}"


def _finished(walk: Walk, budget: int) -> Step:
    graph = walk.graph
    spec = walk.spec
    language = graph.languages[walk.language]
    walk.require(spec.needs)
    remark = _said(walk, walk.remark) if walk.remark else ""
    back = spec.back and bool(walk.trail) and not spec.ends
    shorter = ""
    if spec.kind is Kind.CHOICE and walk.remark == f"reason.{NO_CHOICE}":
        # Nobody agrees, or pays, without the question in sight.
        shorter = _said(walk, f"reason.{NO_CHOICE_SHORT}")
    rendered = render(
        language, spec, walk.view(), walk.page, budget, back=back, remark=remark, shorter=shorter
    )
    if spec.ends:
        walk.mark("ended")
    session = Session(
        graph.hash,
        walk.language,
        walk.screen,
        rendered.page,
        # Nothing is known of a session that is over: not what was typed, not who it was.
        {} if spec.ends else walk.answers,
        rendered.shown,
        () if spec.ends else tuple(walk.trail),
        walk.errors,
        walk.hops,
        spec.ends,
        walk.origin,
        walk.suspended,
    )
    return Step(session, rendered.text, spec.ends, tuple(walk.events))


def _said(walk: Walk, remark: str) -> str:
    """A remark as it is read above the present screen; "" where an older definition has no words for it."""
    tongues = walk.graph.tongues(walk.spec, walk.language)
    templates = [tongue.remarks[remark] for tongue in tongues if remark in tongue.remarks]
    for template in templates:
        for value in template.values:
            walk.require(value.needs)
    return in_each(template.fill(walk.view()) for template in templates)
