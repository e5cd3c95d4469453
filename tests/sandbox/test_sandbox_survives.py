"""The sandbox as a process: what it refuses to start with, and what a SIGKILL cannot take from it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from operations.free_port import free_port
from sandbox.listener import Listener
from sandbox.testing import Box

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 90


def until(met: Callable[[], Any]) -> Any:
    """What `met` returns once it is true; a failure of the test when that never happens."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = met()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it never happened")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sandbox", *arguments]


class Process:
    """The sandbox as operators start it."""

    def __init__(self, state: Path, target: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        arguments = command("--port", str(self.port), "--state", str(state), "--target", target)
        quiet = subprocess.DEVNULL
        self.running = subprocess.Popen(arguments, cwd=ROOT, stdout=quiet, stderr=quiet)
        until(self.answers)

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=10).ok
        except requests.ConnectionError:
            return False

    def end(self, how: signal.Signals) -> int:
        self.running.send_signal(how)
        return self.running.wait(timeout=PATIENCE_SECONDS)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def start(state: Path, gateway: Listener) -> Iterator[Callable[[], Process]]:
    started: list[Process] = []

    def begin() -> Process:
        started.append(Process(state, gateway.url))
        return started[-1]

    yield begin
    for process in started:
        if process.running.poll() is None:
            process.end(signal.SIGKILL)


def test_killed_between_payment_and_callback_it_still_calls_back(
    start: Callable[[], Process], state: Path, gateway: Listener
) -> None:
    first = start()
    requests.put(f"{first.url}/faults/stk", json={"auto": True, "delay_s": 3600}, timeout=30)
    box = Box(state, gateway.url)
    try:
        body = box.push_body()
        headers = {"Authorization": f"Bearer {box.fresh_token()}"}
    finally:
        box.close()
    url = f"{first.url}/daraja/mpesa/stkpush/v1/processrequest"
    accepted = requests.post(url, json=body, headers=headers, timeout=30).json()
    until(lambda: requests.get(f"{first.url}/statement.json", timeout=30).json()["rows"])
    first.end(signal.SIGKILL)
    assert gateway.heard == []
    second = start()
    [row] = requests.get(f"{second.url}/statement.json", timeout=30).json()["rows"]
    assert row["amount_cents"] == 5000
    requests.post(f"{second.url}/clock", json={"advance_s": 3700}, timeout=30)
    [callback] = until(lambda: gateway.at("/stk"))
    assert callback["Body"]["stkCallback"]["CheckoutRequestID"] == accepted["CheckoutRequestID"]


def test_a_killed_main_process_leaves_nobody_on_the_port(start: Callable[[], Process]) -> None:
    process = start()
    process.end(signal.SIGKILL)
    until(lambda: not process.answers())


def test_sigterm_ends_it_cleanly(start: Callable[[], Process]) -> None:
    process = start()
    assert process.end(signal.SIGTERM) == 0
    assert not process.answers()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "example.com"])  # noqa: S104 - it is refused.
def test_only_loopback_is_served(host: str, state: Path) -> None:
    refused = subprocess.run(
        command("--host", host, "--state", str(state)), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "loopback only" in refused.stderr


def test_a_port_in_use_is_one_sentence(state: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = subprocess.run(
            command("--port", port, "--state", str(state)),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert refused.returncode != 0
    assert refused.stderr.startswith(f"sandbox: port {port} cannot be used")
    assert "Traceback" not in refused.stderr


def test_an_impossible_state_directory_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = subprocess.run(
        command("--port", str(free_port()), "--state", str(tmp_path / "file" / "state")),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert refused.stderr.startswith("sandbox: the state directory cannot be made")


def test_a_broken_state_file_is_one_sentence(state: Path) -> None:
    state.mkdir()
    (state / "sandbox.sqlite3").write_bytes(b"no database" * 1000)
    refused = subprocess.run(
        command("--port", str(free_port()), "--state", str(state)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "cannot be used" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_everything_of_a_phone_outlives_a_restart(tmp_path: Path, gateway: Listener) -> None:
    before = Box(tmp_path / "kept", gateway.url)
    before.register_urls()
    before.push()
    before.call("PUT", "/phones/0712345678/wallet", json={"balance": "77"})
    before.switch(prompt_seconds=90)
    seen = before.get("/phones/0712345678")
    before.close()
    after = Box(tmp_path / "kept", gateway.url)
    try:
        assert after.get("/phones/0712345678") == seen
        assert after.get("/switches")["prompt_seconds"] == 90
        after.pass_time(70)
        assert gateway.at("/stk")[0]["Body"]["stkCallback"]["ResultCode"] == 1037
    finally:
        after.close()


def test_a_dialogue_cut_by_a_kill_has_failed(tmp_path: Path, gateway: Listener) -> None:
    before = Box(tmp_path / "kept", gateway.url)
    before.world.store.insert(
        "dialogues",
        session_id="ATUid_1",
        msisdn="254712345678",
        dialled="*384*96#",
        text="",
        screen="",
        state="waiting",
        started_at=before.world.clock.now(),
        moved_at=before.world.clock.now(),
        hops=0,
    )
    before.close()
    after = Box(tmp_path / "kept", gateway.url)
    try:
        assert after.get("/phones/0712345678")["screen"]["kind"] == "error"
        after.pass_time(1)
        assert gateway.at("/ussd/end")[0]["status"] == "Failed"
    finally:
        after.close()


def test_nothing_of_ours_is_imported() -> None:
    rooms = {
        "core",
        "menus",
        "members",
        "payments",
        "registry",
        "messages",
        "dashboard",
        "ussd_app",
        "workers",
    }
    code = f"import sys, sandbox.app, sandbox.__main__; sys.exit(len({rooms!r} & set(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False)
    assert finished.returncode == 0
