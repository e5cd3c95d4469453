"""Everything that can be known to be wrong with a menu before anyone dials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from menus.engine.compile import compile_graph
from menus.engine.fitting import fit_findings
from menus.engine.knowing import knowing_findings
from menus.engine.model import BACK, HOME, MORE
from menus.engine.names import name_findings
from menus.engine.reach import reach_findings
from menus.engine.schema import Definition, read_definition
from menus.engine.source import Finding, Source
from menus.engine.vocabulary import Vocabulary
from menus.engine.wording import Texts, read_texts, text_findings


def lint(source: Source, vocabulary: Vocabulary) -> list[Finding]:
    """All findings, by file and line; empty when the menu may be served."""
    return examine(source, vocabulary)[2]


def examine(
    source: Source, vocabulary: Vocabulary
) -> tuple[Definition | None, Mapping[str, Texts], list[Finding]]:
    """The definition and its texts with what is wrong with them.

    Later checks rest on earlier ones: shape, then names, then texts and reachability, then page lengths.
    """
    definition, shape = read_definition(source)
    languages, text_shape = read_texts(source)
    findings = [*source.findings, *shape, *text_shape]
    if definition is None or findings or not languages:
        return definition, languages, _sorted(findings)
    findings = list(name_findings(definition, languages, vocabulary))
    if not findings:
        findings = [*alias_findings(definition), *reach_findings(definition)]
        findings += text_findings(definition, languages, vocabulary)
        unusable = any(_spoils_measuring(finding) for finding in findings)
        if not unusable:
            findings.extend(_compiled(definition, languages, vocabulary))
    return definition, languages, _sorted(findings)


def alias_findings(definition: Definition) -> Iterator[Finding]:
    """Aliases that a caller could take for an option: the order of options would then be frozen."""
    menu = definition.menu
    for index, link in enumerate(menu.fields.get("links") or ()):
        for part in link["path"]:
            if part in {BACK, HOME, MORE} or (len(part) == 1 and part.isdigit()):
                message = f"the alias `{part}` looks like an option or a navigation key"
                yield menu.finding(f"links.{index}", message, "use two digits, such as 01")


def _compiled(
    definition: Definition, languages: Mapping[str, Texts], vocabulary: Vocabulary
) -> Iterator[Finding]:
    graph = compile_graph(definition, languages, vocabulary)
    yield from knowing_findings(graph, definition, languages)
    yield from fit_findings(graph, definition, languages)


def _spoils_measuring(finding: Finding) -> bool:
    return finding.file.startswith("texts/")


def _sorted(findings: list[Finding]) -> list[Finding]:
    return sorted(set(findings), key=lambda finding: (finding.file, finding.line, finding.message))
