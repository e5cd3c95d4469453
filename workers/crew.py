"""Several workers out of one process: what they need is loaded once, and one that dies is back at once."""

import operator
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from core.logging import log
from core.processes import ending, fork
from core.watch import Watch

_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_ENDING_NUMBERS: Final = frozenset(map(int, _ENDING))
# What a signal calls when its number is written: nothing, and in C. A function in Python is interrupted by
# the next signal at its first step, and that call by the next: a storm of them ended in a RecursionError.
_HEARD: Final = operator.is_
_SIGNALS_MAX: Final = 65_536
# Whoever cannot keep a post filled ends, so that the one who watches the crew hears of it.
_ENDS_IN_A_ROW_MAX: Final = 5
# A member that was told to end has this long; without a bound one long job would keep all others away.
_LAST_WORDS_SECONDS: Final = 10.0


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
    as SIGTERM, and the crew ends with its last member, who is killed when it takes too long. The members end
    with the crew, whatever ends it.
    """

    def __init__(self, posts: Sequence[Post]) -> None:
        self._members = [_Member(post) for post in posts]
        self._stopping = False
        self._patient_until = 0.0
        self._woken = (-1, -1)

    def run(self) -> int:
        """Work until told to stop: 0. Returns 1 when a post could not be kept filled."""
        self._woken = os.pipe()
        for end in self._woken:
            os.set_blocking(end, False)
        # Each signal writes a byte, so that one that comes just before the wait ends it all the same.
        signal.set_wakeup_fd(self._woken[1], warn_on_full_buffer=False)
        for number in (*_ENDING, signal.SIGCHLD):
            signal.signal(number, _HEARD)
        status = 0
        while True:
            self._bury()
            if not self._stopping and self._has_failed():
                status = 1
                self._stop()
            if self._stopping and not self._living():
                # Who says so once more changes nothing of how it ended.
                signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
                for number in _ENDING:
                    signal.signal(number, signal.SIG_IGN)
                return status
            if not self._stopping:
                self._fill()
            select.select([self._woken[0]], [], [], self._pause_seconds())
            if not _ENDING_NUMBERS.isdisjoint(_read(self._woken[0])):
                self._stop()
            self._end_who_dawdles()

    def _living(self) -> list[_Member]:
        return [member for member in self._members if member.pid is not None]

    def _has_failed(self) -> bool:
        for member in self._members:
            if member.watch.ends_in_a_row >= _ENDS_IN_A_ROW_MAX:
                log.error("crew gives up", member=member.post.name, ends_in_a_row=member.watch.ends_in_a_row)
                return True
        return False

    def _fill(self) -> None:
        for member in self._members:
            if member.watch.is_due(time.monotonic()):
                member.pid = fork(member.post.name, partial(self._begin, member.post))
                member.watch.started(time.monotonic())

    def _begin(self, post: Post) -> int:
        for end in self._woken:
            os.close(end)
        return post.work()

    def _bury(self) -> None:
        """Whoever has ended: a member or, if this is the first of all processes, what a killed one left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            member = next((one for one in self._members if one.pid == pid), None)
            if member is None:
                continue
            member.pid = None
            pause = member.watch.ended(time.monotonic())
            if not self._stopping:
                cause = ending(os.waitstatus_to_exitcode(status))
                log.warning("member ended", member=member.post.name, cause=cause, again_in_seconds=pause)

    def _pause_seconds(self) -> float | None:
        """Until there is something to do; None when only a signal can make it so."""
        times = [member.watch.start_at for member in self._members if member.pid is None]
        if self._stopping:
            times = [self._patient_until]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _stop(self) -> None:
        if not self._stopping:
            self._patient_until = time.monotonic() + _LAST_WORDS_SECONDS
        self._stopping = True
        self._tell(signal.SIGTERM)

    def _end_who_dawdles(self) -> None:
        """A job that a worker forked is in a group of its own and may finish."""
        if self._stopping and time.monotonic() >= self._patient_until:
            self._tell(signal.SIGKILL)
            self._patient_until = time.monotonic() + _LAST_WORDS_SECONDS

    def _tell(self, number: signal.Signals) -> None:
        for member in self._living():
            assert member.pid is not None
            # Nobody is buried meanwhile, so the number is still its own.
            os.kill(member.pid, number)


def _read(pipe: int) -> bytes:
    """The numbers of the signals that came, one byte each."""
    try:
        return os.read(pipe, _SIGNALS_MAX)
    except BlockingIOError:
        return b""
