"""Every flow, in both languages, goes exactly as it is written in tests/dialogues."""

from __future__ import annotations

from pathlib import Path

import pytest

from menus.engine.dialogue import DialogueError, replay
from menus.engine.graph import Graph

DIALOGUES = sorted((Path(__file__).parent.parent / "dialogues").glob("*.txt"))


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_a_dialogue_goes_as_written(
    path: Path, graph: Graph, given: dict[str, dict[str, object]], pytestconfig: pytest.Config
) -> None:
    written = path.read_text(encoding="utf-8")
    played = replay(graph, written, given)
    if pytestconfig.getoption("--rewrite-dialogues", default=False):
        path.write_text(played, encoding="utf-8")
        return
    assert played == written, f"{path.name} goes differently now; --rewrite-dialogues shows how"


def test_every_flow_is_told_in_both_languages() -> None:
    names = {path.stem for path in DIALOGUES}
    assert len(names) > 50
    for name in names:
        other = name[:-3] + ("_sw" if name.endswith("_en") else "_en")
        assert other in names, f"{name} has no counterpart"


def test_together_the_dialogues_visit_every_screen(graph: Graph, given: dict[str, dict[str, object]]) -> None:
    told = "\n".join(path.read_text(encoding="utf-8") for path in DIALOGUES)
    for code, language in graph.languages.items():
        for name, words in language.screens.items():
            if name == "trouble":
                continue  # The host shows it when all else fails; nobody can walk there.
            literal = max((piece for piece in words.head.pieces if isinstance(piece, str)), key=len)
            first = literal.replace("\u00a0", " ").strip().split("\n")[0]
            assert " ".join(first.split()[:4]) in told, f"{name} in {code}"


def test_a_dialogue_names_the_line_it_cannot_play(graph: Graph, given: dict[str, dict[str, object]]) -> None:
    with pytest.raises(DialogueError, match="line 2: nobody gave the fact `member`"):
        replay(graph, "# nothing given\ndial\n", given)
    with pytest.raises(DialogueError, match="line 1: `walk` begins no line"):
        replay(graph, "walk on\n", given)


def test_a_dialogue_shows_effects_and_never_the_pin(
    graph: Graph, given: dict[str, dict[str, object]]
) -> None:
    script = "given newcomer\ndial\n> 2\n> 1\n> 12345678\n> 1\n> 1\n> 4821\n> 4821\n"
    played = replay(graph, script, given)
    effects = [line for line in played.splitlines() if line.startswith("!")]
    assert effects[0] == "! look_up_identity national_id=12345678"
    assert effects[1].startswith("! join ")
    assert "4821" not in "".join(line for line in played.splitlines() if not line.startswith(">"))
