"""The import table of docs/architecture.md holds."""

import gc
import importlib
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_every_room_imports_only_what_it_may() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_who_imports_a_room_keeps_the_garbage_collector() -> None:
    """Processes start without one; a test run that lost it by an import once grew to nine gigabytes."""
    assert importlib.import_module("workers.relay")
    assert importlib.import_module("workers.run")
    assert gc.isenabled()
