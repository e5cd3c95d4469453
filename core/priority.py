"""Who waits when a processor is scarce: a caller with a phone at the ear comes before any job.

Linux may share a processor between sessions first (`kernel.sched_autogroup_enabled`, as most distributions
have it) and look at niceness only within one. Each part of ours is a session, and so is each process of
PostgreSQL: there niceness alone changes nothing between them, and that of the session has to be set as well.
What a system does not have or does not allow is left as it is.
"""

import ctypes
import os
import platform
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psycopg

_GIVES_WAY: Final = 10
# Linux lets a process that wakes interrupt one with longer turns at once; one with turns like its own may
# finish first. Longer turns are no larger share.
_TURN_NANOSECONDS: Final = 3_000_000
_SCHED_SETATTR: Final = {"x86_64": 314, "aarch64": 274}.get(platform.machine())
# struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period; see sched_setattr(2).
_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_PID_BYTES: Final = 4
_CREDENTIALS_BYTES: Final = 12


def give_way() -> None:
    """Let this process, and what it forks or asks of PostgreSQL from now on, come after those of callers."""
    os.nice(_GIVES_WAY)
    _lower(os.getpid(), _niceness())


def share(connection: psycopg.Connection[Any]) -> None:
    """Make the process of PostgreSQL that serves `connection` as nice as this one.

    Only one that is surely this connection's, on this machine, is touched, and only to give way.
    """
    niceness = _niceness()
    if niceness <= 0 or sys.platform != "linux":
        return
    pid = connection.info.backend_pid
    with suppress(OSError):
        if _serves(pid, connection):
            os.setpriority(os.PRIO_PROCESS, pid, niceness)
            _lower(pid, niceness)


def _niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def _lower(pid: int, niceness: int) -> None:
    """What niceness alone does not do; a kernel before 6.12 takes the turns for a wish and lets it be."""
    if sys.platform != "linux":
        return
    if _SCHED_SETATTR is not None and os.sched_getscheduler(pid) == os.SCHED_OTHER:
        turns = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, niceness, 0, _TURN_NANOSECONDS, 0, 0)
        _LIBC.syscall(_SCHED_SETATTR, pid, turns, 0)
    with suppress(OSError):
        # In a session that somebody else began others work too, a shell perhaps.
        if os.getsid(pid) == pid:
            Path(f"/proc/{pid}/autogroup").write_text(str(niceness), encoding="ascii")


def _serves(pid: int, connection: psycopg.Connection[Any]) -> bool:
    """Whether `pid`, as the server calls its process, means that process here too.

    The number of a server on another machine, or in a container, may be that of anything here.
    """
    title = Path(f"/proc/{pid}/cmdline").read_bytes()
    if not title.startswith(b"postgres: "):
        return False
    with socket.socket(fileno=os.dup(connection.fileno())) as ours:
        if ours.family != socket.AF_UNIX:
            # PostgreSQL shows whom it serves.
            return f"({ours.getsockname()[1]})".encode() in title
        listener = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS_BYTES)
    return _parent_of(pid) == int.from_bytes(listener[:_PID_BYTES], sys.byteorder)


def _parent_of(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    return int(stat.rpartition(")")[2].split()[1])
