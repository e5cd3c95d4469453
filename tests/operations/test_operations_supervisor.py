"""The supervisor with real, tiny children."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from operations.part import Part
from operations.sessions import members_of_session
from operations.supervisor import Supervisor
from tests.operations.conftest import is_gone

TICKS_MAX = 300
SLEEPER = "import time\nprint('up', flush=True)\ntime.sleep(600)"
STUBBORN = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEPER}"
PARENT = (
    "import os, time\n"
    "if os.fork() == 0:\n    os.setpgrp() if {own_group} else None\n    time.sleep(600)\n"
    "print('up', flush=True)\ntime.sleep(600)"
)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "log")
    yield supervisor
    supervisor.stop()


def tick_until(supervisor: Supervisor, happened: Callable[[], bool]) -> None:
    for _ in range(TICKS_MAX):
        supervisor.tick()
        if happened():
            return
    pytest.fail("it did not happen")


def python(name: str, code: str, tmp_path: Path) -> Part:
    log = tmp_path / "log" / f"{name}.log"
    return Part(
        name,
        (sys.executable, "-c", code),
        cwd=tmp_path,
        is_ready=lambda _pid: log.exists() and log.read_text().endswith("up\n"),
    )


def start(supervisor: Supervisor, part: Part) -> int:
    supervisor.add(part)
    tick_until(supervisor, lambda: supervisor.unready() == [])
    return supervisor.pids()[part.name]


def test_a_killed_child_comes_back_and_that_is_said(
    supervisor: Supervisor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = start(supervisor, python("sleeper", SLEEPER, tmp_path))
    os.kill(first, signal.SIGKILL)
    tick_until(supervisor, lambda: supervisor.pids().get("sleeper", first) != first)
    assert supervisor.ends_in_a_row() == {"sleeper": 1}
    assert "sleeper ended (killed by SIGKILL); starting it again in 0.2 s" in capsys.readouterr().out


def test_a_child_that_cannot_be_started_is_tried_again(
    supervisor: Supervisor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "program"
    supervisor.add(Part("late", (str(program),), cwd=tmp_path))
    tick_until(supervisor, lambda: supervisor.ends_in_a_row()["late"] == 1)
    program.write_text("#!/bin/sh\nsleep 600\n")
    program.chmod(0o755)
    tick_until(supervisor, lambda: "late" in supervisor.pids())
    assert "late could not be started" in capsys.readouterr().out


def test_all_output_is_kept_and_alarms_are_shown(
    supervisor: Supervisor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "print('calm'); print('ERROR: the sky falls'); " + SLEEPER.replace("\n", "; ")
    start(supervisor, python("sleeper", code, tmp_path))
    assert (tmp_path / "log" / "sleeper.log").read_text() == "calm\nERROR: the sky falls\nup\n"
    shown = capsys.readouterr().out
    assert "sleeper | ERROR: the sky falls" in shown
    assert "calm" not in shown


def test_stopping_leaves_nothing_of_a_stubborn_child(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operations.supervisor.STOP_SECONDS", 0.2)
    pid = start(supervisor, python("stubborn", STUBBORN, tmp_path))
    supervisor.stop()
    assert is_gone(pid)


@pytest.mark.parametrize("own_group", [True, False])
def test_stopping_leaves_nothing_of_grandchildren(
    supervisor: Supervisor, tmp_path: Path, own_group: bool
) -> None:
    pid = start(supervisor, python("parent", PARENT.format(own_group=own_group), tmp_path))
    grandchildren = members_of_session(pid)
    assert len(grandchildren) == 1
    supervisor.stop()
    assert is_gone(pid)
    tick_until(supervisor, lambda: is_gone(grandchildren[0]))


def test_a_killed_child_takes_its_group_along_before_it_comes_back(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    pid = start(supervisor, python("parent", PARENT.format(own_group=False), tmp_path))
    grandchildren = members_of_session(pid)
    os.kill(pid, signal.SIGKILL)
    tick_until(supervisor, lambda: supervisor.pids().get("parent", pid) != pid)
    tick_until(supervisor, lambda: is_gone(grandchildren[0]))
