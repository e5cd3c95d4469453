"""However a menu file is mangled, lint answers with findings by file and line, and never falls over."""

from __future__ import annotations

import random

import menus
from menus import Opening, Step
from menus.engine.lint import lint
from menus.engine.loader import load_graph
from menus.engine.source import source_of
from menus.rules import VOCABULARY

Files = dict[str, str]
SLIPS = 600
SCRAPS = ["", "{", "]", ":", "- x", "to: over", "kind: list", "kind: pin", "null", "true", "[a, b]", "{pin}",
          "options: {}", "screens:", "'", "&a", "<home>", "long: true", "ends: true"]  # fmt: skip


def slip(files: Files, dice: random.Random) -> Files:
    """The files after one to three slips of the pen."""
    mangled = dict(files)
    for _ in range(dice.randint(1, 3)):
        name = dice.choice(sorted(mangled))
        lines = mangled[name].splitlines()
        at = dice.randrange(len(lines))
        kind = dice.randrange(6)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[dice.randrange(len(lines))])
        elif kind == 2:
            lines[at] = lines[at].lstrip() if dice.random() < 0.5 else f"  {lines[at]}"
        elif kind == 3:
            lines[at] = f"{lines[at].split(':')[0]}: {dice.choice(SCRAPS)}"
        elif kind == 4:
            words = lines[at].split(" ")
            words[dice.randrange(len(words))] = dice.choice(SCRAPS)
            lines[at] = " ".join(words)
        else:
            lines = lines[:at]
        mangled[name] = "\n".join(lines) + "\n"
        if not mangled[name].strip():
            mangled[name] = "x: y\n"
    return mangled


def test_lint_survives_every_slip_and_what_it_passes_can_be_dialled(tiny: Files) -> None:
    clean = 0
    member = {"status": "active", "language": "en"}
    for seed in range(SLIPS):
        dice = random.Random(seed)  # noqa: S311 - the slips are to be repeatable, not secret
        source = source_of(slip(tiny, dice))
        findings = lint(source, VOCABULARY)
        for finding in findings:
            assert finding.line >= 1, f"seed {seed}"
            assert finding.file, f"seed {seed}"
        if not findings:
            clean += 1
            graph = load_graph(source, VOCABULARY)
            opened = menus.step(graph, None, Opening(), {"member": member})
            assert isinstance(opened, Step), f"seed {seed}"
    assert 0 < clean < SLIPS // 2
