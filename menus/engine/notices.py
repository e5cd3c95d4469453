"""Screens the host shows outside a hop: a notice on trouble."""

from __future__ import annotations

from menus.engine.graph import Graph
from menus.engine.template import GLUE


def render_notice(graph: Graph, name: str, language: str = "") -> str:
    """The text of a last screen that needs no facts, such as `trouble`, for when nothing else can be said.

    Raises ValueError for a screen that is not shown, does not end or needs facts.
    """
    screen = graph.screens.get(name)
    if screen is None or not screen.ends or screen.needs:
        raise ValueError(f"{name} is no notice that can be shown without facts")
    code = language if language in graph.languages else graph.default_language
    head = graph.languages[code].screens[name].head
    if not head.is_plain:
        raise ValueError(f"{name} has placeholders")
    return head.text.replace(GLUE, " ")
