"""Loads a menu definition from its files: checked by every lint rule, then compiled."""

from __future__ import annotations

from menus.engine.compile import compile_graph
from menus.engine.graph import Graph
from menus.engine.lint import examine
from menus.engine.names import name_findings
from menus.engine.schema import read_definition
from menus.engine.source import DefinitionError, Finding, Source
from menus.engine.vocabulary import Vocabulary
from menus.engine.wording import read_texts


def load_graph(source: Source, vocabulary: Vocabulary) -> Graph:
    """The compiled graph of a source.

    Raises `DefinitionError`, whose findings name file, line and fix, before anyone can dial a broken menu.
    """
    definition, languages, findings = examine(source, vocabulary)
    if findings or definition is None:
        raise DefinitionError(findings)
    return compile_graph(definition, languages, vocabulary)


def load_kept(source: Source, vocabulary: Vocabulary) -> Graph:
    """The graph of a definition that was served once, for the sessions that began with it.

    What the lint has learned since does not unmake it; what cannot be compiled with today's rules does.
    Raises `DefinitionError`.
    """
    definition, _ = read_definition(source)
    languages, _ = read_texts(source)
    if definition is None or source.findings:
        raise DefinitionError([*source.findings] or [Finding("screens", 1, "cannot be read")])
    missing = list(name_findings(definition, languages, vocabulary))
    if missing:
        raise DefinitionError(missing)
    try:
        return compile_graph(definition, languages, vocabulary)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise DefinitionError([Finding("screens", 1, f"cannot be compiled: {error!r}")]) from error
