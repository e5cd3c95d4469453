"""Downloads as CSV: streamed, and harmless when a spreadsheet opens them."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from flask import Response, stream_with_context

# A spreadsheet runs a cell that begins with one of these as a formula (OWASP, CSV injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 -- full-width signs count too

Cell = str | int | Decimal | None


def csv_response(filename: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """An attachment in UTF-8 with a byte order mark, so that spreadsheets read its letters right."""
    response = Response(stream_with_context(_lines(head, rows)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def cell(value: Cell) -> str:
    """A value as it may stand in a file: text that looks like a formula gets a quote before it."""
    if value is None:
        return ""
    if isinstance(value, int | Decimal):
        return str(value)
    return f"'{value}" if value.lstrip(" ").startswith(_FORMULA_STARTS) else value


def decimal(cents: int | None) -> Decimal | None:
    """Cents as a plain decimal without thousands; a number, so its minus is no formula."""
    return None if cents is None else Decimal(cents).scaleb(-2)


def _lines(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    buffer = io.StringIO()
    buffer.write("\ufeff")
    writer = csv.writer(buffer, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(head)
    for row in rows:
        writer.writerow([cell(value) for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()
