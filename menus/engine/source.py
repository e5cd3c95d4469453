"""Reads the YAML files of a menu, remembering on which line everything stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PACKAGED = Path(__file__).resolve().parent.parent
_FOLDERS = ("screens", "texts")
# libyaml's, where the wheel has it: every process reads all menus when it starts.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in a definition: where, what, and what to do about it."""

    file: str
    line: int
    message: str
    fix: str = ""

    def __str__(self) -> str:
        advice = f" ({self.fix})" if self.fix else ""
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
    """All files of a definition, and what could not even be read. `files` are their texts by name."""

    screens: tuple[Document, ...]
    texts: tuple[Document, ...]
    files: Mapping[str, str]
    findings: tuple[Finding, ...] = ()

    def packed(self) -> str:
        """The whole definition in one string, to be kept as long as sessions are pinned to it."""
        return json.dumps(dict(self.files), ensure_ascii=False, sort_keys=True)


def read_source(root: Path | None = None) -> Source:
    """Read `root/screens/*.yaml` and `root/texts/*.yaml` (the packaged menus if no root is given)."""
    base = PACKAGED if root is None else Path(root)
    files: dict[str, str] = {}
    findings: list[Finding] = []
    for folder in _FOLDERS:
        for path in sorted((base / folder).glob("*.yaml")):
            name = f"{folder}/{path.name}"
            try:
                files[name] = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                findings.append(Finding(name, 1, f"cannot be read: {error}", "save it as UTF-8"))
    return source_of(files, findings)


def unpack(packed: str) -> Source:
    """The source that `Source.packed` wrote. Raises ValueError for anything else."""
    files = json.loads(packed)
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        raise ValueError("not a packed definition")
    return source_of(files)


def source_of(files: Mapping[str, str], findings: Iterable[Finding] = ()) -> Source:
    """A definition from the texts of its files, named `screens/….yaml` and `texts/….yaml`."""
    found = list(findings)
    documents = {name: parse(name, text, found) for name, text in sorted(files.items())}
    parts = [
        tuple(document for name, document in documents.items() if name.startswith(f"{folder}/"))
        for folder in _FOLDERS
    ]
    for folder, part in zip(_FOLDERS, parts, strict=True):
        if not part and not found:
            found.append(Finding(folder, 1, "no YAML file here", "add one"))
    return Source(parts[0], parts[1], dict(files), tuple(found))


def parse(name: str, text: str, findings: list[Finding]) -> Document:
    """One document; syntax errors and keys given twice are added to `findings`."""
    lines: dict[tuple[str, ...], int] = {}
    try:
        node = yaml.compose(text, Loader=_LOADER)
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
