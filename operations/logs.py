"""Where the words of the processes go: all to `var/log/<name>.log`, the alarming ones to the terminal."""

import json
import re
import select
import sys
from pathlib import Path

LOG_BYTES_MAX = 10_000_000
ECHO_CHARACTERS_MAX = 200
# A crash loop must not bury the terminal.
ECHO_LINES_PER_START = 20
_TOLD_BY_THE_LOG = ("process", "level", "timestamp", "logger")
_ALARMING = re.compile(rb"\b(warn|warning|error|critical|fatal|panic|traceback)\b|Error\b", re.IGNORECASE)
# Advice to administrators, and the answer to our own early knocking; neither says anything about Kibaba.
_KNOWN_ADVICE = re.compile(rb"overcommit|Transparent Huge Pages|system is starting up", re.IGNORECASE)


def say(text: str) -> None:
    """One line to the operator. A terminal that is gone, or that nobody reads, stops nothing."""
    if not _takes_a_line():
        return
    try:
        print(text, flush=True)
    except OSError:
        return


def _takes_a_line() -> bool:
    try:
        _, writable, _ = select.select([], [sys.stdout], [], 1.0)
    except (OSError, ValueError):
        # Not a file of the system, so it cannot block either.
        return True
    return bool(writable)


class Log:
    """The output of one process over all its starts. A full disk loses lines, never the process."""

    def __init__(self, name: str, directory: Path) -> None:
        self.path = directory / f"{name}.log"
        self._name = name
        self._unfinished = b""
        self._echoes_left = ECHO_LINES_PER_START

    def new_start(self) -> None:
        self._echoes_left = ECHO_LINES_PER_START

    def write(self, chunk: bytes) -> None:
        self._append(chunk)
        *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
        self._unfinished = self._unfinished[-ECHO_CHARACTERS_MAX * 4 :]
        for line in lines:
            if self._echoes_left > 0 and _ALARMING.search(line) and not _KNOWN_ADVICE.search(line):
                self._echoes_left -= 1
                say(f"{self._name:>15} | {_readable(line)[:ECHO_CHARACTERS_MAX]}")

    def _append(self, chunk: bytes) -> None:
        try:
            if self.path.exists() and self.path.stat().st_size > LOG_BYTES_MAX:
                self.path.replace(self.path.with_suffix(".log.1"))
            with self.path.open("ab") as log:
                log.write(chunk)
        except OSError:
            return


def _readable(line: bytes) -> str:
    """A line of a structured log as a sentence; any other line as it is."""
    text = line.decode(errors="replace").strip()
    try:
        fields = json.loads(text)
        event = fields.pop("event")
    except (ValueError, KeyError, AttributeError):
        return text
    details = [f"{name}={value}" for name, value in fields.items() if name not in _TOLD_BY_THE_LOG]
    return " ".join([f"{fields.get('level', 'info')}: {event}", *details])
