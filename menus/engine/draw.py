"""Draws a graph for people: as Mermaid text, and as an SVG that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from menus.engine.graph import SPECIAL_TARGETS, Graph, Kind, Screen
from menus.engine.layers import Layers, layered

_SHAPES = {
    Kind.CHOICE: ('["', '"]'),
    Kind.LIST: ('["', '"]'),
    Kind.INPUT: ('[/"', '"/]'),
    Kind.PIN: ('{{"', '"}}'),
    Kind.DECISION: ('{"', '"}'),
    Kind.NOTICE: ('("', '")'),
}
_FILLS = {
    Kind.CHOICE: "#e8f1fb",
    Kind.LIST: "#e8f1fb",
    Kind.INPUT: "#fdf3dc",
    Kind.PIN: "#fbe3e4",
    Kind.DECISION: "#eeeeee",
    Kind.NOTICE: "#e6f4e6",
}
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 168, 46, 24, 58, 24
_LABEL_MAX = 24
_FONT = 'font-family="system-ui, sans-serif" font-size="11"'
_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0L8 4L0 8z" fill="#667"/></marker></defs>'
)


@dataclass(frozen=True, slots=True)
class Edge:
    """One way from a screen to another and the answer or outcome that takes it."""

    source: str
    target: str
    label: str


def edges_of(graph: Graph) -> Iterator[Edge]:
    """All forward ways; Back, Home and the like are everywhere and not drawn."""
    for name, screen in graph.screens.items():
        for label, target in _ways(screen):
            if target and target not in SPECIAL_TARGETS:
                yield Edge(name, target, label)


def _ways(screen: Screen) -> Iterator[tuple[str, str]]:
    yield from ((option.value, option.to) for option in screen.options)
    yield from ((outcome, branch.to) for outcome, branch in screen.branches.items())
    yield "item" if screen.kind is Kind.LIST else "", screen.to
    yield "locked", screen.locked
    yield "differs", screen.mismatch


def mermaid(graph: Graph) -> str:
    """The graph as a Mermaid flowchart."""
    lines = ["flowchart TD"]
    for name, screen in graph.screens.items():
        opening, closing = _SHAPES[screen.kind]
        lines.append(f"  {name}{opening}{_caption(screen)}{closing}")
    for edge in edges_of(graph):
        arrow = f"-- {edge.label} -->" if edge.label else "-->"
        lines.append(f"  {edge.source} {arrow} {edge.target}")
    return "\n".join(lines) + "\n"


def _caption(screen: Screen) -> str:
    effect = f"<br/>! {screen.effect.name}" if screen.effect else ""
    end = " &#9632;" if screen.ends else ""
    return f"{screen.name}{end}{effect}"


def svg(graph: Graph, language: str = "en") -> str:
    """The graph as a standalone SVG, layer by layer from the opening, with the first words of each screen."""
    edges = list(edges_of(graph))
    roots = [graph.start, graph.resume, graph.stuck, graph.trouble, graph.over]
    layers = layered(list(graph.screens), roots, [(edge.source, edge.target) for edge in edges])
    columns = max(len(layer) for layer in layers.rows)
    width = 2 * _MARGIN + columns * (_WIDTH + _GAP_X)
    height = 2 * _MARGIN + len(layers.rows) * (_HEIGHT + _GAP_Y)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {_FONT}>',
        f"<title>Menus of Kibaba, definition {graph.hash}</title>",
        _TIP,
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    places = dict(_places(layers, width))
    parts += [_path(edge, places) for edge in edges]
    parts += [_box(graph.screens[name], place, graph, language) for name, place in places.items()]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _places(layers: Layers, width: int) -> Iterator[tuple[str, tuple[float, float]]]:
    for row, names in enumerate(layers.rows):
        taken = len(names) * (_WIDTH + _GAP_X) - _GAP_X
        left = (width - taken) / 2
        for column, name in enumerate(names):
            yield name, (left + column * (_WIDTH + _GAP_X), _MARGIN + row * (_HEIGHT + _GAP_Y))


def _path(edge: Edge, places: dict[str, tuple[float, float]]) -> str:
    (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
    stroke = 'stroke="#99a"' if y2 > y1 else 'stroke="#c8ccd4" stroke-dasharray="4 3"'
    if y2 > y1:
        start, end = (x1 + _WIDTH / 2, y1 + _HEIGHT), (x2 + _WIDTH / 2, y2 - 2)
        bend = (start[1] + end[1]) / 2
        curve = f"C{start[0]:.0f} {bend:.0f} {end[0]:.0f} {bend:.0f} {end[0]:.0f} {end[1]:.0f}"
    else:
        start, end = (x1 + _WIDTH, y1 + _HEIGHT / 2), (x2 + _WIDTH + 2, y2 + _HEIGHT / 2)
        out = max(start[0], end[0]) + _GAP_X
        curve = f"C{out:.0f} {start[1]:.0f} {out:.0f} {end[1]:.0f} {end[0]:.0f} {end[1]:.0f}"
    title = escape(f"{edge.source} to {edge.target}: {edge.label}" if edge.label else edge.source)
    return (
        f'<path d="M{start[0]:.0f} {start[1]:.0f}{curve}" fill="none" {stroke} '
        f'marker-end="url(#tip)"><title>{title}</title></path>'
    )


def _box(screen: Screen, place: tuple[float, float], graph: Graph, language: str) -> str:
    x, y = place
    edge = "#333" if screen.ends else "#89a"
    lines = [screen.name, _first_words(screen, graph, language)]
    texts = "".join(
        f'<text x="{x + _WIDTH / 2:.0f}" y="{y + 19 + 16 * index:.0f}" text-anchor="middle"'
        f"{' font-weight=' + chr(34) + 'bold' + chr(34) if index == 0 else ''}>{escape(line)}</text>"
        for index, line in enumerate(lines)
    )
    radius = 20 if screen.kind is Kind.DECISION else 4
    return (
        f'<g><rect x="{x:.0f}" y="{y:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="{radius}" '
        f'fill="{_FILLS[screen.kind]}" stroke="{edge}" stroke-width="{2 if screen.ends else 1}"/>{texts}</g>'
    )


def _first_words(screen: Screen, graph: Graph, language: str) -> str:
    if screen.effect is not None:
        return f"does {screen.effect.name}"
    if not screen.shown:
        return "decides"
    text = graph.languages[language].screens[screen.name].head.text.replace("\n", " ")
    if len(text) <= _LABEL_MAX:
        return text
    return text[:_LABEL_MAX].rsplit(" ", 1)[0] + " ..."
