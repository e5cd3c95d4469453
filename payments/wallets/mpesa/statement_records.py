"""A statement's bytes as they come: blocks of plain lines and the records between them, in little memory."""

import csv
from collections.abc import Iterable, Iterator

from payments.wallets.mpesa.statement_plain import PlainForm
from payments.wallets.statements import Oddity, PlainRows, StatementRefused

_RECORD_BYTES_MAX = 64 * 1024
_BLOCK_BYTES_MIN = 256 * 1024
_UTF_8_BOM = b"\xef\xbb\xbf"

Record = tuple[int, list[str]]


class Records:
    """Takes a file apart. Line numbers count from 1."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._block = b""
        self._at = 0
        self._is_all_plain = True
        self.line_number = 1
        self._is_over = False
        self._fill()
        self._refuse_other_files()

    @property
    def has_end(self) -> bool:
        """Whether the record that was given last is there to its end; only a file's last may not be."""
        return self._block[self._at - 1 : self._at] in {b"\n", b"\r"}

    def next_record(self) -> Record | None:
        """The next record by the rules of CSV, or None at the end. Raises StatementRefused."""
        text, lines = b"", 0
        while text.count(b'"') % 2 or not lines:
            end = self._line_end()
            if end == self._at:
                break
            text += self._block[self._at : end]
            self._at, lines = end, lines + 1
            if len(text) > _RECORD_BYTES_MAX:
                raise StatementRefused([Oddity(self.line_number, "not CSV: a row without end")])
        if not lines:
            return None
        number, self.line_number = self.line_number, self.line_number + lines
        return number, read_record(number, text)

    def rest(self, plain: PlainForm | None) -> Iterator[PlainRows | Record]:
        """All that is left: runs of lines of the plain form, and every other record by itself."""
        while True:
            if plain is not None and (rows := self._plain_rows(plain)) is not None:
                yield rows
            record = self.next_record()
            if record is None:
                return
            yield record

    def _plain_rows(self, plain: PlainForm) -> PlainRows | None:
        self._line_end()
        start, end = self._at, self._block.rfind(b"\n") + 1
        data = self._block[start:end]
        count, told = plain.read(data) if self._is_all_plain else (0, b"")
        # Most blocks are plain from one end to the other; only in those that are not, runs are looked for.
        self._is_all_plain = self._is_all_plain and count == data.count(b"\n")
        if not self._is_all_plain:
            end = plain.run_end(self._block, start)
            data = self._block[start:end]
            count, told = plain.read(data)
        if not count:
            return None
        rows = PlainRows(told, data, self.line_number, count)
        self._at, self.line_number = end, self.line_number + count
        return rows

    def _line_end(self) -> int:
        """Where the line that begins here ends; reads on when the block does not say."""
        end = self._block.find(b"\n", self._at) + 1
        while not end and not self._is_over:
            searched = len(self._block) - self._at
            if searched > _RECORD_BYTES_MAX:
                raise StatementRefused([Oddity(self.line_number, "not CSV: a row without end")])
            self._fill()
            end = self._block.find(b"\n", self._at) + 1
        return end or len(self._block)

    def _fill(self) -> None:
        parts, size = [self._block[self._at :]], 0
        for chunk in self._chunks:
            parts.append(chunk)
            size += len(chunk)
            if size >= _BLOCK_BYTES_MIN:
                break
        else:
            self._is_over = True
        self._block, self._at, self._is_all_plain = b"".join(parts), 0, True
        if (at := self._block.find(b"\x00")) >= 0:
            line = self.line_number + self._block.count(b"\n", 0, at)
            raise StatementRefused([Oddity(line, "the file is not text")])

    def _refuse_other_files(self) -> None:
        if self._block.startswith(b"PK\x03\x04"):
            raise StatementRefused([Oddity(1, "an Excel workbook: export the statement as CSV")])
        if self._block.startswith(_UTF_8_BOM):
            self._at = len(_UTF_8_BOM)


def read_record(line_number: int, text: bytes) -> list[str]:
    """The cells of one record. Raises StatementRefused."""
    try:
        written = text.decode("utf-8")
    except UnicodeDecodeError:
        try:
            written = text.decode("cp1252")
        except UnicodeDecodeError:
            raise StatementRefused([Oddity(line_number, "the file is not text")]) from None
    try:
        return next(csv.reader([written], strict=True), [])
    except csv.Error as error:
        raise StatementRefused([Oddity(line_number, f"not CSV: {error}")]) from None
