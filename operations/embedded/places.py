"""Where the embedded servers keep their data and sockets."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from operations.embedded.account import Account, may_enter, server_account
from operations.embedded.binaries import EmbeddedError

# A unix socket address holds 107 bytes; PostgreSQL adds a lock file name beside its socket.
SOCKET_PATH_BYTES_MAX = 100
LONGEST_SOCKET_NAME = ".s.PGSQL.5432.lock"
# Only used by root, when the servers' account may not enter the checkout, as in a home of mode 0700.
SYSTEM_HOME = Path("/var/lib/kibaba")
_NOTE, _OWNER = "embedded-home", "state"


@dataclass(frozen=True)
class Places:
    """`home` holds `postgres/` and `valkey/`; `sockets` is short enough for both sockets."""

    home: Path
    sockets: Path
    account: Account | None


def choose_places(state: Path) -> Places:
    """Find and create the directories for the servers of the state directory `state`.

    Normally that is `<state>/embedded`. Started by root below a closed home it is `/var/lib/kibaba/<digest>`,
    because PostgreSQL gives up root and could not reach its data; `<state>/embedded-home` names it, so that
    it is found again when the state is moved. Sockets move to a short directory when paths are long.
    """
    state = state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:12]
    home = state / "embedded"
    account = server_account(home / "postgres")
    elsewhere = _kept_elsewhere(state) or SYSTEM_HOME / digest
    # Once made, data stay where they are: a door opened or closed since must not show an empty house.
    if account is not None and (elsewhere.exists() or not may_enter(state, account)):
        if (home / "postgres").exists():
            raise EmbeddedError(f"{home} was open to the servers' account and is not now; open it again")
        home = elsewhere
        account = server_account(home / "postgres")
        SYSTEM_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
    home.mkdir(mode=0o755, exist_ok=True)
    if home == elsewhere:
        (state / _NOTE).write_text(f"{home}\n")
        (home / _OWNER).write_text(f"{state}\n")
    sockets = home / "sockets"
    if len(os.fsencode(sockets / LONGEST_SOCKET_NAME)) > SOCKET_PATH_BYTES_MAX:
        sockets = Path(tempfile.gettempdir()) / f"kibaba-{os.geteuid()}-{digest}"
    own_directory(sockets, account)
    return Places(home, sockets, account)


def _kept_elsewhere(state: Path) -> Path | None:
    """Where a state that was moved here has its data. None for a copy: they are the original's."""
    try:
        home = Path((state / _NOTE).read_text().strip())
        owner = Path((home / _OWNER).read_text().strip())
    except OSError:
        return None
    is_copy = owner != state and (owner / _NOTE).exists()
    return home if home.is_relative_to(SYSTEM_HOME) and not is_copy else None


def own_directory(directory: Path, account: Account | None) -> None:
    """Create `directory` with mode 0700 for `account`; refuse one that somebody else made."""
    directory.mkdir(mode=0o700, exist_ok=True)
    facts = directory.lstat()
    owner = account.uid if account else os.geteuid()
    if directory.is_symlink() or facts.st_uid not in {owner, os.geteuid()}:
        raise EmbeddedError(f"{directory} belongs to another user; remove it or start as that user")
    directory.chmod(0o700)
    if account and facts.st_uid != account.uid:
        os.chown(directory, account.uid, account.gid)
