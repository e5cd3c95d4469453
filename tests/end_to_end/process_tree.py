"""Processes of a running house, as the kernel lists them."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What stands in the command line of each part that the launcher starts.
PARTS = {
    "web": "granian --interface wsgi wsgi:app",
    "workers": "-m workers.run",
    "postgres": "bin/postgres",
    "valkey": "valkey-server",
    "sandbox": "-m sandbox",
}
# What the part `workers` keeps running; the kernel knows each by this name.
CREW = frozenset({"relay", "worker-money", "worker-messages", "worker-registry"})


@dataclass(frozen=True)
class Process:
    """`name` is what the kernel calls it, `command` how it was started."""

    pid: int
    name: str
    command: str

    def kill(self) -> bool:
        """SIGKILL; False when it had ended by itself."""
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True


def children(pid: int) -> list[Process]:
    """Living children of `pid`, oldest first."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    found = []
    for child in sorted(map(int, text.split())):
        command = _read(child, "cmdline").replace("\0", " ").strip()
        # One that has ended and was not buried yet has no command line.
        if command:
            found.append(_process(child, command))
    return found


def descendants(pid: int) -> Iterator[Process]:
    for child in children(pid):
        yield child
        yield from descendants(child.pid)


def marked(mark: str) -> list[Process]:
    """Every living process that has `mark` in its environment or command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        command = _read(int(entry.name), "cmdline").replace("\0", " ").strip()
        if mark in command or mark in _read(int(entry.name), "environ"):
            found.append(_process(int(entry.name), command))
    return found


def _process(pid: int, command: str) -> Process:
    return Process(pid, _read(pid, "comm").strip(), command)


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
    except OSError:
        return ""
