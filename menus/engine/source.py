"""Reads the YAML files of a menu, remembering on which line everything stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PACKAGED = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in a definition: where, what, and what to do about it."""

    file: str
    line: int
    message: str
    fix: str = ""

    def __str__(self) -> str:
        advice = f" – {self.fix}" if self.fix else ""
        return f"{self.file}:{self.line}: {self.message}{advice}"


class DefinitionError(ValueError):
    """A definition that cannot be served; `findings` name file, line and fix."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file as plain values, with the line (from 1) of every key path."""

    file: str
    data: Any
    lines: Mapping[tuple[str, ...], int]

    def line(self, *path: str) -> int:
        """The line of `path`, or of the nearest thing around it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


@dataclass(frozen=True, slots=True)
class Source:
    """All files of a definition, and what could not even be read."""

    screens: tuple[Document, ...]
    texts: tuple[Document, ...]
    findings: tuple[Finding, ...] = ()


def read_source(root: Path | None = None) -> Source:
    """Read `root/screens/*.yaml` and `root/texts/*.yaml` (the packaged menus if no root is given)."""
    base = PACKAGED if root is None else Path(root)
    findings: list[Finding] = []
    screens = tuple(_documents(base, "screens", findings))
    texts = tuple(_documents(base, "texts", findings))
    for folder, found in (("screens", screens), ("texts", texts)):
        if not found and not findings:
            findings.append(Finding(f"{base.name}/{folder}", 1, "no YAML file here", "add one"))
    return Source(screens, texts, tuple(findings))


def _documents(base: Path, folder: str, findings: list[Finding]) -> Iterator[Document]:
    for path in sorted((base / folder).glob("*.yaml")):
        name = f"{folder}/{path.name}"
        try:
            yield parse(name, path.read_text(encoding="utf-8"), findings)
        except (OSError, UnicodeDecodeError) as error:
            findings.append(Finding(name, 1, f"cannot be read: {error}", "save it as UTF-8"))


def parse(name: str, text: str, findings: list[Finding]) -> Document:
    """One document; syntax errors and keys given twice are added to `findings`."""
    lines: dict[tuple[str, ...], int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 1
        findings.append(Finding(name, line, f"not YAML: {error.problem}", "check indent, quotes and colons"))
        return Document(name, {}, lines)
    data = _plain(node, (), lines, name, findings) if node is not None else {}
    if not isinstance(data, dict):
        findings.append(Finding(name, 1, "a mapping is expected", "begin with `name:` lines"))
        data = {}
    return Document(name, data, lines)


def _plain(
    node: yaml.Node,
    path: tuple[str, ...],
    lines: dict[tuple[str, ...], int],
    file: str,
    findings: list[Finding],
) -> Any:
    """Plain values; every scalar is kept as the text that was written, except true and false."""
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            below = (*path, key)
            if key in mapping:
                line = key_node.start_mark.line + 1
                findings.append(Finding(file, line, f"`{key}` is given twice", "keep one of them"))
            lines[below] = key_node.start_mark.line + 1
            mapping[key] = _plain(value_node, below, lines, file, findings)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [
            _plain(item, (*path, str(index)), lines, file, findings) for index, item in enumerate(node.value)
        ]
    if node.tag == "tag:yaml.org,2002:bool":
        return str(node.value).lower() in {"true", "yes", "on"}
    if node.tag == "tag:yaml.org,2002:null":
        return None
    return str(node.value)
