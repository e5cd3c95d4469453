"""Starts a process that dies with its parent, in a session of its own, without root when told so."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from core.processes import set_death_signal
from operations.embedded.account import Account


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
