"""Ctrl-C and Ctrl-D while dialling, typed at a terminal."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.wrappers import Response

from sandbox.listener import listening
from sandbox.testing import running_sandbox
from tests.operations.conftest import WAIT_SECONDS_MAX
from tests.servers import REPOSITORY

CTRL_C, CTRL_D = b"\x03", b"\x04"
# What `--wait` gives, which nobody here should have to wait.
LONG = 600
SCREENS = ("CON Karibu.\n1 Weka", "CON Your PIN?", "END Asante.")


class Terminal:
    """`bin/kibaba dial` at a terminal of its own. `shown` is what stands there."""

    def __init__(self, sandbox_url: str) -> None:
        self._here, self._there = pty.openpty()
        self._read, self._seen = b"", 0
        dial = ("-m", "operations.cli", "dial", "0712345678", "--wait", str(LONG), "--sandbox", sandbox_url)
        # The first terminal that a new session opens is the one whose keys reach it.
        command = ["sh", "-c", 'tty=$1; shift; exec "$@" <"$tty" >"$tty" 2>&1', "sh", os.ttyname(self._there)]
        # Whoever runs the tests in the background of a shell has Ctrl-C ignored, and so would have what they
        # start; what is handled here is not handed on as ignored.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self._process = subprocess.Popen(
                [*command, sys.executable, *dial], cwd=REPOSITORY, start_new_session=True
            )
        finally:
            signal.signal(signal.SIGINT, before)

    def types(self, keys: bytes) -> None:
        os.write(self._here, keys)

    @property
    def shown(self) -> str:
        # The last character may be half read.
        return self._read.decode(errors="ignore").replace("\r\n", "\n")

    def wait_for(self, *texts: str) -> None:
        """Until one of these is shown, after what was waited for before."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while True:
            ends = [self.shown.find(text, self._seen) + len(text) for text in texts if self._shows(text)]
            if ends:
                self._seen = min(ends)
                return
            ready, _, _ = select.select([self._here], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, self.shown
            self._read += os.read(self._here, 4096)

    def _shows(self, text: str) -> bool:
        return text in self.shown[self._seen :]

    def leaves(self) -> int:
        return self._process.wait(WAIT_SECONDS_MAX)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._here)
        os.close(self._there)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with listening() as gateway:
        screens = iter(SCREENS)
        gateway.answer = lambda _heard: Response(next(screens, "END Kwaheri."), mimetype="text/plain")
        with running_sandbox(tmp_path / "sandbox", gateway.url) as url:
            terminal = Terminal(url)
            try:
                terminal.wait_for("answer: ")
                yield terminal
            finally:
                terminal.end()


def test_ctrl_c_leaves_at_once(terminal: Terminal) -> None:
    terminal.types(CTRL_C)
    # The kernel sends the signal before it shows the key: the new line may be faster.
    terminal.wait_for("^C\n", "\n^C")
    assert terminal.leaves() == 130


def test_ctrl_d_hangs_up_and_then_leaves(terminal: Terminal) -> None:
    terminal.types(CTRL_D)
    terminal.wait_for("\ndial: ")
    terminal.types(CTRL_D)
    terminal.wait_for("\n")
    assert terminal.leaves() == 0


def test_a_pin_is_not_shown_and_what_is_typed_afterwards_is(terminal: Terminal) -> None:
    terminal.types(b"1\r")
    terminal.wait_for("1\n")
    terminal.wait_for("answer: ")
    terminal.types(b"4321\r")
    terminal.wait_for("end · 7 ┘\n")
    assert "4321" not in terminal.shown
    terminal.types(CTRL_C)
    assert terminal.leaves() == 130
