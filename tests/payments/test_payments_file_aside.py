"""Rows put aside are found again by their numbers, and nobody else can read them."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from payments.wallet_lines.file_aside import FileAside
from payments.wallets.statements import PlainRows

ROW = st.binary(max_size=40).map(lambda data: data.replace(b"\n", b" ") + b"\n")
BLOCKS = st.lists(st.tuples(st.integers(0, 5), st.lists(ROW, min_size=1, max_size=6)), min_size=1, max_size=6)


@given(blocks=BLOCKS, data=st.data())
def test_a_row_is_found_with_its_line(blocks: list[tuple[int, list[bytes]]], data: st.DataObject) -> None:
    expected: list[tuple[int, bytes]] = []
    line = 1
    with FileAside() as aside:
        for skipped, rows in blocks:
            line += skipped
            aside.add(PlainRows(b"", b"".join(rows), line, len(rows)))
            expected += enumerate(rows, line)
            line += len(rows)
        assert aside.count == len(expected)
        numbers = sorted(data.draw(st.sets(st.integers(1, aside.count))))
        assert list(aside.rows(numbers)) == [expected[number - 1] for number in numbers]
        assert [aside.line_of(number) for number in numbers] == [expected[n - 1][0] for n in numbers]


def test_what_lies_aside_names_nobody() -> None:
    with FileAside() as aside:
        aside.add(PlainRows(b"", b"254708374149 - JANE DOE\n" * 3000, 1, 3000))
        kept = Path(f"/proc/self/fd/{aside.descriptor}").read_bytes()
        assert len(kept) > 3000 * 24
        assert b"JANE" not in kept
