"""Starts a process that dies with its parent, in a session of its own, without root when told so."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from operations.embedded.account import Account

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

# Loaded before any fork: the child of a fork must not import or allocate more than it has to.
_LIBC = ctypes.CDLL(None, use_errno=True)


def spawn(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    output: IO[bytes] | int | None,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `argv`; when the calling *thread* ends it receives `death_signal`.

    Output and errors go to `output`, or where ours go.

    Call it from the main thread only, because the kernel watches the thread that forked.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        # After the change of user, which would clear it.
        set_death_signal(death_signal)
        # The parent may have died between the fork and the line above.
        if os.getppid() != parent:
            os._exit(1)

    return subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - prctl can only be called by the child itself, before exec.
    )


def set_death_signal(death_signal: signal.Signals) -> None:
    """Let the kernel send this process `death_signal` when its parent ends; outside Linux, nothing."""
    if sys.platform == "linux":
        _LIBC.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies; outside Linux, nothing."""
    if sys.platform == "linux":
        _LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
