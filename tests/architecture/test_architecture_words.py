"""What the tree must not contain: unfinished marks, switched-off tests, catch-all modules, machine paths."""

import re
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
UNFINISHED = re.compile(
    r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError|pytest\.mark\.(skip|xfail)|pytest\.skip\("
)
CATCH_ALL = {"utils", "helpers", "common", "misc", "manager", "util", "helper"}


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=REPOSITORY, capture_output=True, check=True
    ).stdout
    return [
        REPOSITORY / name for name in listed.decode().split("\0") if name and (REPOSITORY / name).is_file()
    ]


def test_nothing_is_left_unfinished_or_switched_off() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}"
        for path in tracked("*.py")
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_files_are_named_after_what_lives_in_them() -> None:
    assert [str(path) for path in tracked("*.py") if path.stem in CATCH_ALL] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(REPOSITORY))
        for path in tracked("*.py")
        if path.read_text().strip() and not path.read_text().lstrip().startswith(('"""', "#!"))
    ]
    assert silent == []


def test_no_file_knows_a_machine_that_it_was_made_on() -> None:
    home = re.compile(r"(?<![\w.])/(home|root|Users|work)/\w")
    kinds = ("*.py", "*.md", "*.toml", "*.in", "*.txt", "*.yaml", "*.html", "*.sql", "bin/*")
    found = [
        str(path.relative_to(REPOSITORY))
        for path in tracked(*kinds)
        if path != Path(__file__) and home.search(path.read_text())
    ]
    assert found == []


def test_lock_files_name_no_registry_host() -> None:
    for path in tracked("requirements*.txt"):
        assert "://" not in path.read_text()
