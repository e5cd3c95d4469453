"""Keeps parts running: starts them, starts them again when they end, and stops them all in order."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from core.processes import ending
from core.watch import Watch
from operations.embedded import EmbeddedError
from operations.embedded.spawn import spawn
from operations.logs import Log, say
from operations.part import Part
from operations.sessions import members_of_session

TICK_SECONDS = 0.1
STOP_SECONDS = 5.0
SERVER_STOP_SECONDS = 3.0
READ_BYTES = 65_536


class _Running:
    """One part with its watch, its log and, while it runs, its process."""

    def __init__(self, part: Part, logs: Path) -> None:
        self.part = part
        self.watch = Watch()
        self.log = Log(part.name, logs)
        self.process: subprocess.Popen[bytes] | None = None
        self.output: int | None = None


class Supervisor:
    """Runs in the main thread only, because children watch the thread that started them."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, _Running] = {}
        self._outputs = selectors.DefaultSelector()

    def add(self, part: Part) -> None:
        """Keep `part` running from the next tick on."""
        self._logs.mkdir(parents=True, exist_ok=True)
        self._running[part.name] = _Running(part, self._logs)

    def tick(self) -> None:
        """Collect output for at most TICK_SECONDS, notice ends, start what is due."""
        if self._outputs.get_map():
            for key, _events in self._outputs.select(TICK_SECONDS):
                self._read(key.data)
        else:
            time.sleep(TICK_SECONDS)
        for running in self._running.values():
            if running.process is not None and running.process.poll() is not None:
                self._ended(running, ending(running.process.returncode))
            if running.watch.is_due(time.monotonic()):
                self._start(running)

    def unready(self, *names: str) -> list[str]:
        """Names of the parts, of these or of all, that do not answer now."""
        return [
            name
            for name, running in self._running.items()
            if not names or name in names
            if running.process is None or not running.part.is_ready(running.process.pid)
        ]

    def ends_in_a_row(self) -> dict[str, int]:
        """How often each part ended without a healthy time in between."""
        return {name: running.watch.ends_in_a_row for name, running in self._running.items()}

    def pids(self) -> dict[str, int]:
        return {name: running.process.pid for name, running in self._running.items() if running.process}

    def stop(self) -> None:
        """End every part, servers last, then whatever their sessions still hold. Takes less than 10 s."""
        parts = list(self._running.values())
        self._stop([running for running in parts if not running.part.stops_last], STOP_SECONDS)
        self._stop([running for running in parts if running.part.stops_last], SERVER_STOP_SECONDS)

    def _start(self, running: _Running) -> None:
        part = running.part
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        try:
            part.before_start()
            running.process = spawn(
                part.argv,
                cwd=part.cwd,
                env=part.env,
                output=writing,
                account=part.account,
                death_signal=part.stop_signal,
            )
        except (OSError, EmbeddedError, subprocess.SubprocessError) as error:
            os.close(reading)
            pause = running.watch.ended(time.monotonic())
            say(f"{part.name} could not be started ({error}); trying again in {pause:.1f} s")
            return
        finally:
            os.close(writing)
        running.watch.started(time.monotonic())
        running.log.new_start()
        running.output = reading
        self._outputs.register(reading, selectors.EVENT_READ, running)

    def _ended(self, running: _Running, cause: str) -> None:
        process = running.process
        assert process is not None
        self._read(running)
        self._close(running)
        # Workers of a web server that was killed would hold its port. A job that a worker forked is in a
        # group of its own and may finish: it is bounded by its own alarm.
        _kill_group(process.pid)
        running.process = None
        pause = running.watch.ended(time.monotonic())
        say(f"{running.part.name} ended ({cause}); starting it again in {pause:.1f} s")

    def _stop(self, parts: Sequence[_Running], patience_seconds: float) -> None:
        waiting = [running for running in parts if running.process is not None]
        for running in waiting:
            if running.process is not None and running.process.poll() is None:
                running.process.send_signal(running.part.stop_signal)
        deadline = time.monotonic() + patience_seconds
        while waiting and time.monotonic() < deadline:
            if self._outputs.get_map():
                for key, _events in self._outputs.select(TICK_SECONDS / 2):
                    self._read(key.data)
            else:
                time.sleep(TICK_SECONDS / 2)
            waiting = [one for one in waiting if one.process is not None and one.process.poll() is None]
        for running in parts:
            if running.process is not None:
                for pid in (running.process.pid, *members_of_session(running.process.pid)):
                    _kill(pid, running.process)
                running.process.wait()
                self._close(running)
                running.process = None

    def _read(self, running: _Running) -> None:
        if running.output is None:
            return
        try:
            chunk = os.read(running.output, READ_BYTES)
        except BlockingIOError:
            return
        if chunk:
            running.log.write(chunk)
        else:
            self._close(running)

    def _close(self, running: _Running) -> None:
        if running.output is not None:
            self._outputs.unregister(running.output)
            os.close(running.output)
            running.output = None


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _kill(pid: int, leader: subprocess.Popen[bytes]) -> None:
    if pid == leader.pid and leader.poll() is not None:
        return
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
