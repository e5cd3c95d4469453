"""What a run leaves: `var/bench/NAME.json`, a printed table, and that table in `docs/benchmarks.md`."""

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.processes import BenchError
from operations.state import REPOSITORY

PAGE = REPOSITORY / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one benchmark. A ratio is Kibaba's cost divided by the other's: smaller is better."""

    name: str
    figures: Mapping[str, Any]
    ratios: Mapping[str, float]
    table: Sequence[Sequence[str]]
    notes: Sequence[str]

    def write(self, directory: Path) -> Path:
        """Write the JSON file; returns its path."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.name}.json"
        content = {
            "name": self.name,
            "machine": machine(),
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit(),
            "figures": self.figures,
            "ratios": {name: round(ratio, 3) for name, ratio in self.ratios.items()},
        }
        path.write_text(json.dumps(content, indent=2) + "\n")
        return path

    def print(self) -> None:
        widths = [max(len(row[column]) for row in self.table) for column in range(len(self.table[0]))]
        for row in self.table:
            first, *rest = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  ".join([first, *(cell.strip().rjust(len(cell)) for cell in rest)]))
        for note in self.notes:
            print(note)

    def publish(self) -> None:
        """Put the table into the page, between the two marks of this benchmark. Raises BenchError."""
        head, *rows = (f"| {' | '.join(row)} |" for row in self.table)
        rule = f"|---|{'---:|' * (len(self.table[0]) - 1)}"
        about = f"{machine()}; commit `{commit()}`, {datetime.now(UTC):%Y-%m-%d}."
        lines = [about, "", head, rule, *rows, "", *(f"* {note}" for note in self.notes)]
        begin, end = f"<!-- {self.name} begins -->", f"<!-- {self.name} ends -->"
        text = PAGE.read_text()
        if begin not in text or end not in text:
            raise BenchError(f"{PAGE.name} has no place for the table of {self.name}")
        between = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
        PAGE.write_text(between.sub(lambda _found: "\n".join([begin, *lines, end]), text))


def machine() -> str:
    """Processor, cores, kernel and Python, for whoever compares two runs."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


def commit() -> str:
    """The commit that was measured, with a plus sign when files differ from it."""
    git = ["git", "-C", str(REPOSITORY)]
    head = subprocess.run(
        [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    )
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no", "--", "*.py", "*.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    return (head.stdout.strip() or "unknown") + ("+" if changed.stdout.strip() else "")
