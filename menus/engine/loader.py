"""Loads a menu definition from its files: checked by every lint rule, then compiled."""

from __future__ import annotations

from menus.engine.compile import compile_graph
from menus.engine.graph import Graph
from menus.engine.lint import examine
from menus.engine.source import DefinitionError, Source
from menus.engine.vocabulary import Vocabulary


def load_graph(source: Source, vocabulary: Vocabulary) -> Graph:
    """The compiled graph of a source.

    Raises `DefinitionError`, whose findings name file, line and fix, before anyone can dial a broken menu.
    """
    definition, languages, findings = examine(source, vocabulary)
    if findings or definition is None:
        raise DefinitionError(findings)
    return compile_graph(definition, languages, vocabulary)
