"""Processes of our own: what one may ask of the kernel about itself, and a child that is a copy of us.

What only Linux has does nothing elsewhere.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final, NoReturn

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
_PR_SET_CHILD_SUBREAPER: Final = 36
_NAME_BYTES_MAX: Final = 15
_HANDLED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

# Loaded before any fork: the child of a fork must not import or allocate more than it has to.
_LIBC = ctypes.CDLL(None, use_errno=True)


def set_death_signal(death_signal: signal.Signals) -> None:
    """Let the kernel send this process `death_signal` when the *thread* that started it ends."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def set_name(name: str) -> None:
    """Show `name`, or its first 15 bytes, as the command in `ps -o comm` and `top`."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_NAME, name.encode()[:_NAME_BYTES_MAX], 0, 0, 0)


def fork(name: str, work: Callable[[], int]) -> int:
    """Call `work` in a child; returns its process id. What `work` returns is the child's exit code, else 1.

    The child has what we have loaded, handles signals as a new process does, receives SIGTERM when we end,
    and runs nothing of ours at its end. Call it from the main thread, before there are others.
    """
    parent = os.getpid()
    # What stands in the buffers would be written twice.
    sys.stdout.flush()
    sys.stderr.flush()
    # A signal in between would make the child act as its parent.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    try:
        pid = os.fork()
        if pid == 0:
            _live(name, work, parent)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def ending(code: int) -> str:
    """How a process ended, in words; `code` as `os.waitstatus_to_exitcode` gives it."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"status {code}"


def _live(name: str, work: Callable[[], int], parent: int) -> NoReturn:
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in _HANDLED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        set_death_signal(signal.SIGTERM)
        # The parent may have died between the fork and the line above.
        if os.getppid() == parent:
            set_name(name)
            status = work()
    except Exception as error:  # noqa: BLE001 -- nobody above could tell of it
        # Loaded only when needed: the guard over all processes stands on this module, and is small.
        from core.logging import log  # noqa: PLC0415

        log.error("process broke", name=name, exc_info=error)
    finally:
        # Whatever becomes of the last words, nothing of the parent's may run here.
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
