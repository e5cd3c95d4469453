"""The file of a backup: written whole or not at all, and checked whole before anything is taken from it.

It begins with `kibaba backup` and a line feed and ends with the SHA-256 of everything before. Between them
are frames: one letter, the length of what follows (four bytes, most significant first), and that. `H` is the
head (JSON); then come, for each table in the head's order, any number of `R`, whole rows as COPY's text,
packed by zlib, and one empty `E`; `F` is the foot (JSON).
"""

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from operations.trouble import TroubleError

FORMAT: Final = 1
_BEGINNING: Final = b"kibaba backup\n"
_FRAME: Final = struct.Struct(">cI")
_HEAD, _ROWS, _END, _FOOT = b"H", b"R", b"E", b"F"
_DIGEST_BYTES: Final = hashlib.sha256().digest_size
_READ_BYTES: Final = 2**20
# What is sealed hardly shrinks, whatever it costs; the rest shrinks nearly as well as at the default level.
_LEVEL: Final = 3


@dataclass(frozen=True, slots=True)
class Table:
    """A table's name and its columns, in the order in which its rows give them."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """`migration`: the revision of the database. `tables`: none refers to one that comes after it."""

    migration: str
    taken_at: datetime
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Foot:
    """How many rows each table gave, and of each sequence its last value and whether that was given out."""

    rows: dict[str, int]
    sequences: dict[str, tuple[int, bool]]


class WrittenBackup:
    """A file that grows frame by frame; `finish` makes it whole."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._write(_BEGINNING)

    def head(self, head: Head) -> None:
        self._frame(_HEAD, _json({"format": FORMAT, **asdict(head), "taken_at": head.taken_at.isoformat()}))

    def rows(self, text: bytes) -> None:
        """Whole rows of the table whose turn it is."""
        self._frame(_ROWS, zlib.compress(text, _LEVEL))

    def end_table(self) -> None:
        self._frame(_END, b"")

    def finish(self, foot: Foot) -> None:
        self._frame(_FOOT, _json(asdict(foot)))
        self._file.write(self._digest.digest())

    def _frame(self, kind: bytes, content: bytes) -> None:
        self._write(_FRAME.pack(kind, len(content)))
        self._write(content)

    def _write(self, content: bytes) -> None:
        self._digest.update(content)
        self._file.write(content)


class ReadBackup:
    """A file that was checked, read once: `head`, then `rows` of each table, then `foot`."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """`file` stands behind its beginning. Raises TroubleError when another release wrote it."""
        self._file = file
        head = json.loads(self._expect(_HEAD))
        if head["format"] != FORMAT:
            raise TroubleError(f"{name} has the format {head['format']}, and this release reads {FORMAT}")
        self.head = Head(
            head["migration"],
            datetime.fromisoformat(head["taken_at"]),
            tuple(Table(table["name"], tuple(table["columns"])) for table in head["tables"]),
        )

    def rows(self) -> Iterator[bytes]:
        """The rows of the next table, in pieces. They must be read to their end."""
        while (frame := self._next())[0] == _ROWS:
            yield zlib.decompress(frame[1])
        assert frame[0] == _END

    def foot(self) -> Foot:
        """Once every table was read."""
        foot = json.loads(self._expect(_FOOT))
        positions = {
            name: (int(last), bool(is_given)) for name, (last, is_given) in foot["sequences"].items()
        }
        return Foot(foot["rows"], positions)

    def _expect(self, kind: bytes) -> bytes:
        found, content = self._next()
        assert found == kind
        return content

    def _next(self) -> tuple[bytes, bytes]:
        kind, length = _FRAME.unpack(self._file.read(_FRAME.size))
        return kind, self._file.read(length)


@contextmanager
def writing(path: Path) -> Iterator[WrittenBackup]:
    """A backup that is at `path` once all of it is on the disk, for its owner alone; otherwise nothing is.

    Raises TroubleError where something is already, or no folder for it; OSError.
    """
    check_place(path)
    unfinished = path.with_name(f"{path.name}.unfinished-{os.getpid()}")
    descriptor = _create(unfinished, path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield WrittenBackup(file)
            file.flush()
            os.fsync(descriptor)
        # Somebody may have put a file there while this one was written.
        check_place(path)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    _keep_name(path.parent)


def check_place(path: Path) -> None:
    """Raises TroubleError where no new file can be: the only copy of something is not written over."""
    if path.exists() or path.is_symlink():
        raise TroubleError(f"{path} exists already; name another file")
    if not path.parent.is_dir():
        raise TroubleError(f"{path} cannot be made: there is no folder {path.parent}")


def _create(unfinished: Path, path: Path) -> int:
    """A descriptor of the unfinished file. Raises OSError that names `path`, which is what was typed."""
    try:
        return os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        error.filename = str(path)
        raise


@contextmanager
def reading(path: Path) -> Iterator[ReadBackup]:
    """A backup whose every byte is as it was written. Raises TroubleError, OSError."""
    with path.open("rb") as file:
        _check(file, path.name)
        yield ReadBackup(file, path.name)


def _check(file: BinaryIO, name: str) -> None:
    """Raises TroubleError unless the file is whole; leaves it behind its beginning."""
    left = os.fstat(file.fileno()).st_size - _DIGEST_BYTES
    beginning = file.read(len(_BEGINNING))
    if beginning != _BEGINNING:
        raise TroubleError(f"{name} is no backup of Kibaba")
    digest = hashlib.sha256(beginning)
    left -= len(beginning)
    while left > 0 and (piece := file.read(min(left, _READ_BYTES))):
        digest.update(piece)
        left -= len(piece)
    if left != 0 or file.read() != digest.digest():
        raise TroubleError(f"{name} was cut or changed: its checksum is that of another file")
    file.seek(len(_BEGINNING))


def _keep_name(directory: Path) -> None:
    """The name of a new file is on the disk when its directory is."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
