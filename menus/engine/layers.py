"""Arranges a directed graph in rows, so that most ways lead downwards and few cross."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_SWEEPS = 6
_ROW_MAX = 9


@dataclass(frozen=True, slots=True)
class Layers:
    """Names by row from the top, each row from the left."""

    rows: tuple[tuple[str, ...], ...]


def layered(names: list[str], roots: list[str], edges: list[tuple[str, str]]) -> Layers:
    """Rows by distance from the first root (other roots and what hangs on them join the same rows), ordered
    by the mean place of their neighbours; rows longer than nine names are broken.
    """
    below: dict[str, list[str]] = {name: [] for name in names}
    above: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        below[source].append(target)
        above[target].append(source)
    depth = _depths(names, roots, below)
    rows: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in names:
        rows[depth[name]].append(name)
    for sweep in range(_SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            _settle(row, rows, neighbours)
    broken = [tuple(row[start : start + _ROW_MAX]) for row in rows for start in range(0, len(row), _ROW_MAX)]
    return Layers(tuple(row for row in broken if row))


def _depths(names: list[str], roots: list[str], below: dict[str, list[str]]) -> dict[str, int]:
    depth: dict[str, int] = {}
    for root in [*roots, *names]:
        if root in depth:
            continue
        depth[root] = 0
        waiting = deque([root])
        while waiting:
            name = waiting.popleft()
            for target in below[name]:
                if target not in depth:
                    depth[target] = depth[name] + 1
                    waiting.append(target)
    return depth


def _settle(row: list[str], rows: list[list[str]], neighbours: dict[str, list[str]]) -> None:
    """Order a row by the mean relative place of each name's neighbours."""
    place = {name: (index + 0.5) / len(other) for other in rows for index, name in enumerate(other)}

    def mean(name: str) -> float:
        near = [place[neighbour] for neighbour in neighbours[name]]
        return sum(near) / len(near) if near else place[name]

    row.sort(key=mean)
