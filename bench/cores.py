"""Which core does what, and how much processor time processes have used. Linux only: it reads `/proc`."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat after the command name, see proc(5): utime, stime, and those of buried children.
_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM = 11, 12, 13, 14


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for the server that is measured, another for load, PostgreSQL and Redis."""

    server: int
    load: int


def choose_cores() -> Cores:
    """The first and the last core that this process may use; the same one twice on a machine with one."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(server=allowed[0], load=allowed[-1])


@dataclass(frozen=True, slots=True)
class Used:
    """Processor seconds in user and in kernel mode."""

    user_seconds: float
    system_seconds: float

    @property
    def seconds(self) -> float:
        return self.user_seconds + self.system_seconds

    def since(self, before: "Used") -> "Used":
        return Used(self.user_seconds - before.user_seconds, self.system_seconds - before.system_seconds)

    def __add__(self, other: "Used") -> "Used":
        return Used(self.user_seconds + other.user_seconds, self.system_seconds + other.system_seconds)


NOTHING = Used(0.0, 0.0)


def used_by(pid: int) -> Used:
    """What a process and everything below it has used so far, the children it has buried included."""
    user = system = 0
    for each in tree(pid):
        try:
            stat = Path(f"/proc/{each}/stat").read_text(encoding="ascii", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            # It ended a moment ago; what it used is with its parent now.
            continue
        fields = stat.rpartition(")")[2].split()
        user += int(fields[_USER]) + int(fields[_CHILDREN_USER])
        system += int(fields[_SYSTEM]) + int(fields[_CHILDREN_SYSTEM])
    return Used(user / _TICKS_PER_SECOND, system / _TICKS_PER_SECOND)


def tree(pid: int) -> Iterator[int]:
    """A process and all its descendants that are alive."""
    yield pid
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                yield from tree(int(child))
    except (FileNotFoundError, ProcessLookupError):
        return


def resident_bytes(pid: int) -> int:
    """The resident set of one process."""
    return _status_bytes(pid, "VmRSS:")


def peak_bytes(pid: int) -> int:
    """The largest resident set a process had. `getrusage` would tell its parent's, if that is larger."""
    return _status_bytes(pid, "VmHWM:")


def _status_bytes(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0
