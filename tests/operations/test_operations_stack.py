"""The real thing: `bin/run` and `bin/kibaba` as an operator types them."""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from operations.free_port import two_free_ports
from operations.processes import CREW
from tests.operations.conftest import (
    WAIT_SECONDS_MAX,
    descendants,
    is_gone,
    read_until,
    wait_until,
)
from tests.servers import REPOSITORY

pytestmark = pytest.mark.stack


@pytest.fixture
def environment(state: Path) -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}
    }
    return {**inherited, "KIBABA_STATE": str(state / "var")}


@pytest.fixture
def running(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port, sandbox_port = two_free_ports()
    process = subprocess.Popen(
        [REPOSITORY / "bin" / "run", "--port", str(port), "--sandbox-port", str(sandbox_port)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    read_until(process, "ready")
    yield process, port
    if process.poll() is None:
        process.terminate()
        process.wait(WAIT_SECONDS_MAX)
    assert process.stdout is not None
    process.stdout.close()


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _patience(pid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid)


def _patience_of_session(pid: int) -> int | None:
    """None where the kernel shares processors between processes only."""
    group = Path(f"/proc/{pid}/autogroup")
    return int(group.read_text().split()[-1]) if group.exists() else None


def kibaba(environment: dict[str, str], *words: str, stdin: str = "") -> str:
    command = [str(REPOSITORY / "bin" / "kibaba"), *words]
    done = subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, check=True)
    return done.stdout


def test_everything_runs_and_the_command_line_finds_it(
    running: tuple[subprocess.Popen[str], int], environment: dict[str, str]
) -> None:
    process, port = running
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
        assert json.load(answer)["ready"] is True
    assert json.loads(kibaba(environment, "doctor", "--json"))["well"] is True
    assert json.loads(kibaba(environment, "ledger", "proof", "--json"))["postings_sum_cents"] == 0
    assert "Karibu" in kibaba(environment, "dial", "0712345678", "--wait", "0")
    everyone = descendants(process.pid)
    jobs = [pid for pid in everyone if _name(pid).startswith(("relay", "worker-"))]
    # A caller with a phone at the ear comes before them, and before the jobs that they have forked just now.
    assert len(jobs) >= len(CREW)
    assert all(_patience(pid) > _patience(process.pid) for pid in jobs)
    assert all(_patience_of_session(pid) in (None, _patience(pid)) for pid in jobs)
    process.terminate()
    assert process.wait(WAIT_SECONDS_MAX) == 0
    assert [pid for pid in everyone if not is_gone(pid)] == []


def test_sigkill_leaves_nothing_of_the_real_house(running: tuple[subprocess.Popen[str], int]) -> None:
    process, _port = running
    everyone = descendants(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: all(is_gone(pid) for pid in everyone), f"the end of {len(everyone)} processes")
