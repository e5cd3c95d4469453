"""The drawings show every screen and every way, and an SVG that a browser can read."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from menus.engine.draw import edges_of, mermaid, svg
from menus.engine.graph import Graph
from menus.engine.layers import layered
from tests.servers import REPOSITORY


def test_mermaid_names_every_screen_and_every_way(graph: Graph) -> None:
    drawn = mermaid(graph)
    assert drawn.startswith("flowchart TD\n")
    for name in graph.screens:
        assert f"  {name}" in drawn
    for edge in edges_of(graph):
        assert f"  {edge.source} -- {edge.label} --> {edge.target}" in drawn or (
            f"  {edge.source} --> {edge.target}" in drawn
        )
    assert "save_confirm -- own --> saving" in drawn


def test_the_svg_is_well_formed_and_complete(graph: Graph) -> None:
    for language in graph.languages:
        root = ET.fromstring(svg(graph, language))  # noqa: S314 - drawn by ourselves a line above
        texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
        assert set(graph.screens) <= texts


def test_a_drawing_of_the_same_graph_is_the_same(graph: Graph) -> None:
    assert svg(graph) == svg(graph)


def test_the_drawing_in_the_readme_is_of_these_menus(graph: Graph) -> None:
    """Otherwise: `bin/kibaba menus graph --format svg > docs/menus.svg`."""
    assert (REPOSITORY / "docs" / "menus.svg").read_text(encoding="utf-8") == f"{svg(graph)}\n"


def test_rows_follow_the_distance_from_the_start_and_lose_nobody() -> None:
    rows = layered(["a", "b", "c", "d", "lost"], ["a"], [("a", "b"), ("b", "c"), ("a", "d"), ("c", "a")]).rows
    assert rows[0][0] == "a"
    assert set(rows[1]) == {"b", "d"}
    assert rows[2] == ("c",)
    assert sorted(name for row in rows for name in row) == ["a", "b", "c", "d", "lost"]
