"""What a caller sees: the session-state engine, screens as data, and words per language. Pure."""

from __future__ import annotations

from pathlib import Path

from menus.engine.graph import Graph
from menus.engine.lint import lint as _lint
from menus.engine.loader import load_graph as _load_graph
from menus.engine.loader import load_kept as _load_kept
from menus.engine.model import (
    Answer,
    Effect,
    Event,
    Expectation,
    Facts,
    Opening,
    PinVerdict,
    Session,
    SessionUnreadableError,
    Step,
    Typed,
    Wanted,
    reads_as_pin,
)
from menus.engine.navigation import adopt, without_secrets
from menus.engine.notices import render_notice
from menus.engine.source import DefinitionError, Finding, read_source, unpack
from menus.engine.step import step
from menus.engine.values import value
from menus.rules import VOCABULARY

__all__ = [
    "Answer",
    "DefinitionError",
    "Effect",
    "Event",
    "Expectation",
    "Facts",
    "Finding",
    "Graph",
    "Opening",
    "PinVerdict",
    "Session",
    "SessionUnreadableError",
    "Step",
    "Typed",
    "Wanted",
    "adopt",
    "lint",
    "load_graph",
    "load_packed",
    "load_with_pack",
    "reads_as_pin",
    "render_notice",
    "step",
    "value",
    "without_secrets",
]


def load_graph(root: Path | None = None) -> Graph:
    """Kibaba's menus, checked and compiled; from another folder with the same vocabulary if `root` is given.

    Raises `DefinitionError`, whose findings name file, line and fix.
    """
    return _load_graph(read_source(root), VOCABULARY)


def load_with_pack(root: Path | None = None) -> tuple[Graph, str]:
    """The graph, and its definition as one string: keep that under the graph's hash until the last session of
    it has ended. Raises `DefinitionError`.
    """
    source = read_source(root)
    return _load_graph(source, VOCABULARY), source.packed()


def load_packed(packed: str) -> Graph:
    """The graph of a definition kept from `load_with_pack`, for sessions that began with it.

    Raises `DefinitionError` when it names rules that are no more, ValueError when it is no definition.
    """
    return _load_kept(unpack(packed), VOCABULARY)


def lint(root: Path | None = None) -> list[Finding]:
    """Everything wrong with a definition, by file and line; empty when it may be served."""
    return _lint(read_source(root), VOCABULARY)
