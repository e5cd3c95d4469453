"""A statement's plain rows put aside while it is imported: few of them will have to be read with care."""

import os
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from payments.wallets.statements import PlainRows

_NONCE_BYTES = 12


class FileAside:
    """Rows by their number, which counts plain rows alone, from 1.

    They lie in a file without a name, sealed with a key that only this object has: they name people.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 -- it is closed with this object
        self._cipher = AESGCM(AESGCM.generate_key(bit_length=128))
        self._firsts: list[int] = []
        self._blocks: list[tuple[int, int, int]] = []
        self._end = 0
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def descriptor(self) -> int:
        """Of the file, everything added so far in it."""
        self._file.flush()
        return self._file.fileno()

    def add(self, rows: PlainRows) -> None:
        """Put the next rows aside."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, rows.data, None)
        self._file.write(sealed)
        self._firsts.append(self.count + 1)
        self._blocks.append((rows.line_number, self._end, len(sealed)))
        self._end += len(sealed)
        self.count += rows.count

    def line_of(self, number: int) -> int:
        """In which line of the statement a row stands."""
        place = bisect_right(self._firsts, number) - 1
        return self._blocks[place][0] + number - self._firsts[place]

    def rows(self, numbers: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """Rows with the lines in which they stand; ascending numbers open each block once."""
        opened, lines = -1, list[bytes]()
        for number in numbers:
            place = bisect_right(self._firsts, number) - 1
            if place != opened:
                opened, lines = place, self._open(place).split(b"\n")
            yield self.line_of(number), lines[number - self._firsts[place]] + b"\n"

    def _open(self, place: int) -> bytes:
        _, start, size = self._blocks[place]
        self._file.seek(start)
        sealed = self._file.read(size)
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
