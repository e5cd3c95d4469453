"""Several workers out of one process: what they need is loaded once, and one that dies is back at once."""

import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

import structlog

from core.processes import fork
from core.watch import Watch

_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Whoever cannot keep a post filled ends, so that the one who watches the crew hears of it.
_ENDS_IN_A_ROW_MAX: Final = 5

log = structlog.get_logger()


@dataclass(frozen=True)
class Post:
    """One place in the crew. `work` is called in a process of its own and returns its exit code."""

    name: str
    work: Callable[[], int]


@dataclass
class _Member:
    post: Post
    watch: Watch = field(default_factory=Watch)
    pid: int | None = None


class Crew:
    """Keeps each post filled by a fork of this process. Use it in the main thread, before there are others.

    A member that ends is started again, with growing pauses. SIGTERM, SIGINT and SIGHUP are passed on to all
    as SIGTERM, and the crew ends with its last member. The members end with the crew, whatever ends it.
    """

    def __init__(self, posts: Sequence[Post]) -> None:
        self._members = [_Member(post) for post in posts]
        self._stopping = False

    def run(self) -> int:
        """Work until told to stop: 0. Returns 1 when a post could not be kept filled."""
        reading, writing = os.pipe()
        for end in (reading, writing):
            os.set_blocking(end, False)
        # Each signal writes a byte, so that one that comes just before the wait ends it all the same.
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in _ENDING:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, _heard)
        status = 0
        while True:
            self._bury()
            if not self._stopping and self._has_failed():
                status = 1
                self._stop()
            if self._stopping and not self._living():
                return status
            self._fill()
            select.select([reading], [], [], self._pause_seconds())
            _empty(reading)

    def _living(self) -> list[_Member]:
        return [member for member in self._members if member.pid is not None]

    def _has_failed(self) -> bool:
        return any(member.watch.ends_in_a_row >= _ENDS_IN_A_ROW_MAX for member in self._members)

    def _fill(self) -> None:
        for member in self._members:
            if member.watch.is_due(time.monotonic()):
                self._fork(member)

    def _fork(self, member: _Member) -> None:
        # Told to stop in between, we would not know whom to tell.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        if not self._stopping:
            member.pid = fork(member.post.name, member.post.work)
            member.watch.started(time.monotonic())
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _bury(self) -> None:
        for member in self._living():
            assert member.pid is not None
            pid, status = os.waitpid(member.pid, os.WNOHANG)
            if pid == 0:
                continue
            member.pid = None
            pause = member.watch.ended(time.monotonic())
            if not self._stopping:
                code = os.waitstatus_to_exitcode(status)
                log.warning("member ended", member=member.post.name, status=code, again_in_seconds=pause)

    def _pause_seconds(self) -> float | None:
        """Until the next start; None when only a signal can make something to do."""
        if self._stopping:
            return None
        starts = [member.watch.start_at for member in self._members if member.pid is None]
        return max(0.0, min(starts) - time.monotonic()) if starts else None

    def _stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        self._stopping = True
        for member in self._living():
            assert member.pid is not None
            # Not buried yet, so the number is still its own.
            os.kill(member.pid, signal.SIGTERM)


def _heard(_number: int, _frame: FrameType | None) -> None:
    """That it came is all."""


def _empty(pipe: int) -> None:
    try:
        while os.read(pipe, 4096):
            pass
    except BlockingIOError:
        return
