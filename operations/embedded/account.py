"""Which account the embedded servers run as, and what it may reach."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """A system account to drop to; `groups` beyond `gid` are given up."""

    uid: int
    gid: int


def server_account(data: Path) -> Account | None:
    """Whom to become before starting a server on `data`; None means: stay who we are.

    PostgreSQL refuses to run as root. Data that an ordinary user made are served as that user, all else as
    `nobody`.
    """
    if os.geteuid() != 0:
        return None
    if data.exists():
        owner = data.stat()
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def may_enter(directory: Path, account: Account) -> bool:
    """Whether `account` can walk from the root directory into `directory`."""
    resolved = directory.resolve()
    return all(_allows(step, account, want=0o1) for step in (resolved, *resolved.parents) if step.exists())


def may_read_tree(directory: Path, account: Account) -> bool:
    """Whether `account` can list and enter `directory`; what lies inside is as installed by pip."""
    return may_enter(directory, account) and _allows(directory.resolve(), account, want=0o5)


def _allows(path: Path, account: Account, want: int) -> bool:
    facts = path.stat()
    mode = stat.S_IMODE(facts.st_mode)
    if facts.st_uid == account.uid:
        granted = mode >> 6
    elif facts.st_gid == account.gid:
        granted = mode >> 3
    else:
        granted = mode
    return granted & want == want
