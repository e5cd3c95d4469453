"""`bin/bootstrap` picks the Python that everything runs on."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from operations.state import REPOSITORY


def picked(candidates: Iterable[Path]) -> subprocess.CompletedProcess[str]:
    """What a command of bin/ would run on."""
    return subprocess.run(
        ["/bin/sh", "-c", '. "$(dirname "$0")/bootstrap" && find_python', str(REPOSITORY / "bin" / "run")],
        env={"PATH": "/usr/bin:/bin", "PYTHON": " ".join(map(str, candidates))},
        capture_output=True,
        text=True,
        check=False,
    )


def python(folder: Path, name: str, *, version: str = "3, 11", modules: str = "ensurepip") -> Path:
    """Something that answers as a Python of that version with that module would."""
    program = folder / name
    program.write_text(
        f'#!/bin/sh\ncase "$2" in *ensurepip*) [ {modules} = ensurepip ] || exit 1;; esac\n'
        f'exec python3 -c "raise SystemExit(({version}) < (3, 11))"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    return program


def test_the_first_that_is_new_enough_and_can_make_environments(tmp_path: Path) -> None:
    candidates = (
        tmp_path / "none",
        python(tmp_path, "old", version="3, 10"),
        python(tmp_path, "bare", modules="nothing"),
        python(tmp_path, "good"),
        python(tmp_path, "later"),
    )
    assert picked(candidates).stdout.strip() == str(candidates[3])


def test_one_that_cannot_make_environments_yet_if_no_other_can(tmp_path: Path) -> None:
    candidates = python(tmp_path, "old", version="3, 10"), python(tmp_path, "bare", modules="nothing")
    assert picked(candidates).stdout.strip() == str(candidates[1])


def test_none_is_new_enough(tmp_path: Path) -> None:
    found = picked([python(tmp_path, "old", version="3, 10")])
    assert found.returncode == 1
    assert found.stderr == "run: Python 3.11 or newer is needed and was not found\n"


def test_what_is_installed_is_for_one_minor_version(tmp_path: Path) -> None:
    def wanted(version: str) -> str:
        program = tmp_path / version
        program.write_text(f"#!/bin/sh\necho Python {version}\n", encoding="utf-8")
        program.chmod(0o755)
        code = '. "$(dirname "$0")/bootstrap" && venv_python=$1 && wanted_of requirements.txt'
        command = ["/bin/sh", "-c", code, str(REPOSITORY / "bin" / "run"), str(program)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert wanted("3.11.2") == wanted("3.11.9") != wanted("3.13.1")


@pytest.mark.parametrize("command", ["run", "kibaba", "bench"])
def test_that_packages_are_installed_is_said_beside_the_help(command: str, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "bin", tmp_path / "bin")
    (tmp_path / "requirements.txt").touch()
    program = tmp_path / ".venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    # Installs nothing; what it runs is a command that has only its help to give.
    program.write_text('#!/bin/sh\ncase "$*" in *--help) echo the help;; esac\n', encoding="utf-8")
    program.chmod(0o755)
    typed = [str(tmp_path / "bin" / command), "--help"]
    first = subprocess.run(typed, capture_output=True, text=True, check=True)
    assert (first.stderr, first.stdout) == ("installing requirements.txt\n", "the help\n")
    again = subprocess.run(typed, capture_output=True, text=True, check=True)
    assert (again.stderr, again.stdout) == ("", "the help\n")
