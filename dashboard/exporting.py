"""Downloads as CSV and XLSX, harmless when a spreadsheet opens them."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flask import Response, abort, stream_with_context
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

# A spreadsheet runs a cell that begins with one of these as a formula (OWASP, CSV injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 -- full-width signs count too

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Excel takes no longer name of a sheet.
_SHEET_NAME_CHARACTERS_MAX = 31
_COLUMN_WIDTH = 22
# Nor more than 1,048,576 rows, the head among them: the writer drops what comes after, without a word.
_XLSX_ROWS_MAX = 1_048_575

Cell = str | int | Decimal | None


# In what a table can be downloaded.
TABLE_FORMS = frozenset({"csv", "xlsx"})


def refuse_what_no_workbook_holds(session: Session, form: str, query: Select[*tuple[Any, ...]]) -> None:
    """Answer 422, before any work, when the rows of a query are too many for this one of TABLE_FORMS."""
    if form != "xlsx":
        return
    some = query.order_by(None).limit(_XLSX_ROWS_MAX + 1).subquery()
    if (session.scalar(select(func.count()).select_from(some)) or 0) > _XLSX_ROWS_MAX:
        abort(422)


def table_response(
    name: str, form: str, title: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> Response:
    """A table as one of TABLE_FORMS; `name` is without an ending."""
    if form == "csv":
        return csv_response(f"{name}.csv", head, rows)
    return xlsx_response(f"{name}.xlsx", title, head, rows)


def csv_response(filename: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """An attachment in UTF-8 with a byte order mark, so that spreadsheets read its letters right."""
    response = Response(stream_with_context(_lines(head, rows)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def xlsx_response(
    filename: str,
    title: str,
    head: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    created_at: datetime | None = None,
) -> Response:
    """A workbook of one sheet. Text is written as text, whatever it begins with; numbers stay numbers.

    Memory stays bounded: rows are flushed as they come. With `created_at` the same rows are the same bytes.
    Answers 422 rather than with a workbook that lacks rows.
    """
    # Only now: a web process that makes no workbook carries no maker of them.
    import xlsxwriter  # noqa: PLC0415

    buffer = io.BytesIO()
    options = {
        "constant_memory": True,
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = xlsxwriter.Workbook(buffer, options)
    if created_at is not None:
        book.set_properties({"created": created_at.astimezone(UTC).replace(tzinfo=None)})
    sheet = book.add_worksheet(title[:_SHEET_NAME_CHARACTERS_MAX])
    bold, money = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0.00"})
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(head) - 1, _COLUMN_WIDTH)
    for column, name in enumerate(head):
        sheet.write_string(0, column, name, bold)
    for number, row in enumerate(rows, 1):
        if number > _XLSX_ROWS_MAX:
            abort(422)
        for column, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(number, column, value)
            elif value is not None:
                sheet.write_number(number, column, value, money if isinstance(value, Decimal) else None)
    book.close()
    response = Response(buffer.getvalue(), mimetype=_XLSX)
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
