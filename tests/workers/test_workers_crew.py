"""A crew with real, tiny members: killed ones come back, and nothing is left when it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import REPOSITORY

SECONDS_MAX = 60.0
# Each member writes its name and its process id, and waits to be told to end.
_PROGRAM = """
import os, signal, sys, time
from workers import crew
from workers.crew import Crew, Post

crew._LAST_WORDS_SECONDS = 1.0

def say(text):
    os.write(1, f"{text}\\n".encode())

def wait(name):
    def work():
        signal.signal(signal.SIGTERM, lambda *_: (say(f"{name} told"), os._exit(0)))
        say(f"{name} {os.getpid()}")
        time.sleep(600)
    return work

def end(name):
    def work():
        say(f"{name} {os.getpid()}")
        return 3
    return work

def break_(name):
    def work():
        say(f"{name} {os.getpid()}")
        raise ValueError("broken")
    return work

def stay(name):
    def work():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say(f"{name} {os.getpid()}")
        time.sleep(600)
    return work

kinds = {"stay": stay, "wait": wait, "end": end, "break": break_}
names = [f"{kind}-{number}" for number, kind in enumerate(sys.argv[1:])]
sys.exit(Crew([Post(name, kinds[name.partition("-")[0]](name)) for name in names]).run())
"""


class Running:
    """A crew in a process of its own. `pids` are of every member that ever said its name, in order."""

    def __init__(self, output: Path, kinds: tuple[str, ...]) -> None:
        self._output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *kinds],
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> list[str]:
        return self._output.read_text().splitlines()

    def pids(self, name: str) -> list[int]:
        starts = (line.split() for line in self.said())
        return [int(words[1]) for words in starts if words[:1] == [name] and words[1].isdigit()]

    def wait(self) -> int:
        return self.process.wait(SECONDS_MAX)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(*kinds: str) -> Running:
        started.append(Running(tmp_path / "output", kinds))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait()
        for line in one.said():
            name, _, pid = line.partition(" ")
            if "-" in name and pid.isdigit() and is_alive(int(pid)):
                os.kill(int(pid), signal.SIGKILL)


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(happened: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not happened():
        assert time.monotonic() < deadline, f"waited for: {what}"
        time.sleep(0.02)


def test_each_member_is_a_process_that_bears_its_name(start: Callable[..., Running]) -> None:
    crew = start("wait", "wait")
    wait_until(lambda: crew.pids("wait-0") and crew.pids("wait-1"), "both")
    for name in ("wait-0", "wait-1"):
        assert Path(f"/proc/{crew.pids(name)[0]}/comm").read_text().strip() == name


def test_a_killed_member_comes_back_and_the_others_do_not_notice(start: Callable[..., Running]) -> None:
    crew = start("wait", "wait")
    wait_until(lambda: crew.pids("wait-0") and crew.pids("wait-1"), "both")
    os.kill(crew.pids("wait-0")[0], signal.SIGKILL)
    wait_until(lambda: len(crew.pids("wait-0")) > 1, "the second")
    assert len(crew.pids("wait-1")) == 1
    assert is_alive(crew.pids("wait-1")[0])
    assert any("member ended" in line for line in crew.said())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_end_it_tells_all_and_ends_with_the_last(
    start: Callable[..., Running], number: signal.Signals
) -> None:
    crew = start("wait", "wait")
    wait_until(lambda: crew.pids("wait-0") and crew.pids("wait-1"), "both")
    crew.process.send_signal(number)
    assert crew.wait() == 0
    assert {"wait-0 told", "wait-1 told"} <= set(crew.said())
    assert not any(is_alive(crew.pids(name)[0]) for name in ("wait-0", "wait-1"))


def test_told_again_and_again_it_ends_as_if_told_once(start: Callable[..., Running]) -> None:
    crew = start("wait", "wait")
    wait_until(lambda: crew.pids("wait-0") and crew.pids("wait-1"), "both")
    while crew.process.poll() is None:
        crew.process.send_signal(signal.SIGTERM)
    assert crew.wait() == 0


def test_who_does_not_end_when_told_is_killed(start: Callable[..., Running]) -> None:
    crew = start("stay", "wait")
    wait_until(lambda: crew.pids("stay-0") and crew.pids("wait-1"), "both")
    crew.process.terminate()
    assert crew.wait() == 0
    assert not is_alive(crew.pids("stay-0")[0])


def test_who_does_not_end_holds_up_no_crew_that_gives_up(start: Callable[..., Running]) -> None:
    crew = start("stay", "end")
    assert crew.wait() == 1
    assert not is_alive(crew.pids("stay-0")[0])
    assert any("crew gives up" in line for line in crew.said())


def test_a_member_holds_nothing_of_the_crews(start: Callable[..., Running]) -> None:
    crew = start("wait")
    wait_until(lambda: crew.pids("wait-0"), "the member")
    (pid,) = crew.pids("wait-0")
    pipes = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if int(fd.name) > 2]
    assert not [name for name in pipes if name.startswith("pipe:")]


def test_killed_itself_it_leaves_nobody(start: Callable[..., Running]) -> None:
    crew = start("wait", "wait")
    wait_until(lambda: crew.pids("wait-0") and crew.pids("wait-1"), "both")
    crew.process.kill()
    wait_until(lambda: not any(is_alive(crew.pids(name)[0]) for name in ("wait-0", "wait-1")), "their end")


@pytest.mark.parametrize("kind", ["end", "break"])
def test_a_post_that_cannot_be_kept_filled_ends_the_crew(start: Callable[..., Running], kind: str) -> None:
    crew = start("wait", kind)
    assert crew.wait() == 1
    assert len(crew.pids(f"{kind}-1")) == 5
    assert crew.said().count("wait-0 told") == 1
    assert not is_alive(crew.pids("wait-0")[0])


def test_told_to_end_while_a_member_is_away_it_starts_no_other(start: Callable[..., Running]) -> None:
    crew = start("wait", "end")
    wait_until(lambda: len(crew.pids("end-1")) > 2, "three ends")
    crew.process.terminate()
    assert crew.wait() == 0
    assert len(crew.pids("end-1")) < 5
    assert "wait-0 told" in crew.said()
