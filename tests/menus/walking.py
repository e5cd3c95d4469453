"""The engine asked answer after answer, with the facts at hand."""

from collections.abc import Callable
from typing import Any

import menus
from menus import Answer, Opening, Session, Step, Typed
from menus.engine.graph import Graph

FactsOf = Callable[..., dict[str, Any]]


def done(graph: Graph, session: Session | None, answer: Answer | None, facts: dict[str, Any]) -> Step:
    outcome = menus.step(graph, session, answer, facts)
    assert isinstance(outcome, Step), outcome
    return outcome


def walked(graph: Graph, facts: dict[str, Any], *answers: Answer | str) -> Step:
    finished = done(graph, None, Opening(), facts)
    for answer in answers:
        finished = done(graph, finished.session, Typed(answer) if isinstance(answer, str) else answer, facts)
    return finished
