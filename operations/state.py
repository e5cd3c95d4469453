"""The state directory `var/`: who may use it, what lies where, what is asked of the disk."""

import fcntl
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from operations.embedded.places import SYSTEM_HOME, choose_places
from operations.trouble import TroubleError

REPOSITORY = Path(__file__).resolve().parent.parent
FREE_BYTES_MIN = 200_000_000
# A launcher that was killed takes this long to end its servers; whoever starts meanwhile waits.
DEATH_SECONDS_MAX = 12.0


@dataclass(frozen=True)
class State:
    """Paths below one state directory."""

    root: Path

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def secrets_file(self) -> Path:
        return self.root / "secrets.env"

    @property
    def run_file(self) -> Path:
        """What a running launcher tells the command line, secrets included."""
        return self.root / "run.json"

    @property
    def sandbox(self) -> Path:
        return self.root / "sandbox"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics"

    @property
    def _lock_file(self) -> Path:
        return self.root / "lock"

    def hold(self) -> int | None:
        """Take the state for this process; None when another has it. The file must stay open to keep it.

        Raises TroubleError when the directory cannot be used at all.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            # Room is a promise that can be broken later, but not to begin with.
            free = shutil.disk_usage(self.root).free
        except OSError as error:
            raise TroubleError(f"cannot write to {self.root}: {error.strerror}") from error
        lock = self._lock()
        if lock is not None and free < FREE_BYTES_MIN:
            os.close(lock)
            raise TroubleError(f"only {free // 1_000_000} MB are free for {self.root}; Kibaba needs 200 MB")
        return lock

    def _lock(self) -> int | None:
        try:
            lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise TroubleError(f"cannot write to {self.root}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def hold_or_say_who(self) -> int:
        """Like `hold`, for the launcher: waits for one that is dying, refuses beside one that lives."""
        deadline = time.monotonic() + DEATH_SECONDS_MAX
        while (lock := self.hold()) is None:
            guard = self._holder()
            if _is_alive(guard) or time.monotonic() > deadline:
                who = f"process {guard}" if guard else "another process"
                raise TroubleError(
                    f"{self.root} is in use by {who}; stop it first, or name another KIBABA_STATE"
                )
            time.sleep(0.1)
        guard = int(os.environ.get("KIBABA_GUARD", os.getpid()))
        os.truncate(lock, 0)
        os.pwrite(lock, f"{guard}\n".encode(), 0)
        return lock

    def leave(self, lock: int) -> None:
        """Say that the holder is about to end, so that whoever starts meanwhile waits."""
        os.truncate(lock, 0)

    def is_held(self) -> bool:
        """Whether a launcher runs on this state."""
        if not self._lock_file.exists():
            return False
        lock = self._lock()
        if lock is None:
            return True
        os.close(lock)
        return False

    def forget(self) -> None:
        """Remove everything but the lock. Call it while holding the state."""
        places = choose_places(self.root)
        for entry in self.root.iterdir():
            if entry == self._lock_file:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        if places.home.is_relative_to(SYSTEM_HOME):
            shutil.rmtree(places.home)

    def _holder(self) -> int:
        try:
            return int(self._lock_file.read_text())
        except (OSError, ValueError):
            return 0


def state_from_environment() -> State:
    """`var/` of this checkout, or the directory that KIBABA_STATE names."""
    return State(Path(os.environ.get("KIBABA_STATE") or REPOSITORY / "var").resolve())


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, all of it or nothing, and on the disk when this returns.

    One that was there keeps its mode and its owner.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".unfinished-{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if path.exists():
            _keep_access(descriptor, path)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    unfinished.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def _keep_access(descriptor: int, path: Path) -> None:
    before = path.stat()
    if os.geteuid() == 0:
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, before.st_mode & 0o777)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
