"""Pull Transactions: the wallet's own list of payments to us in the last 48 hours, every page of it.

A list that cannot be read to its end is a failure and never looks like a short one.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.errors import InvalidValue
from payments.wallets.http import short
from payments.wallets.mpesa.client import Answer, DarajaClient, NoAnswer, NotSent
from payments.wallets.mpesa.pull_row import read_row
from payments.wallets.mpesa.spaced_keys import without_spaces
from payments.wallets.mpesa.wire import EAST_AFRICA
from payments.wallets.protocol import PullFailed, UnreadableMessage, WalletLine

QUERY_PATH = "/pulltransactions/v1/query"
PAGES_MAX = 1000
_PAGE_TRIES = 4
PAGE_BYTES_MAX = 8 * 1024 * 1024
_FOUND, _NOTHING_OR_FAILED = "1000", "1001"
# 1001 stands for an empty list and for a failure alike; only these words make it an empty list.
_NOTHING = re.compile(
    r"\b(no|0|zero)\s+(\w+\s+)?(records?|rows?|transactions?|data|results?)\b"
    r"|\b(records?|rows?|transactions?|data)\s+(were\s+|was\s+)?not\s+found\b",
    re.IGNORECASE,
)
_COUNT = re.compile(r"[0-9]{1,7}")


@dataclass(frozen=True, slots=True)
class _Page:
    rows: list[Mapping[str, Any]]
    number: int | None
    pages: int | None
    records: int | None


def pull(client: DarajaClient, start: datetime, end: datetime) -> Iterator[list[WalletLine]]:
    """Lines from `start` to `end` (aware), page by page. Raises InvalidValue, PullFailed.

    A row that cannot be read does not hold back the others: all pages come first, then PullFailed says how
    many rows are missing. Lines may come twice; their `row_key` tells.
    """
    if start.tzinfo is None or end.tzinfo is None or start >= end:
        raise InvalidValue("a pull goes from one aware instant to a later one")
    unreadable = 0
    for page in _pages(client, start, end):
        lines, odd = _lines(client.config.shortcode, page.rows)
        unreadable += odd
        yield lines
    if unreadable:
        raise PullFailed(f"{unreadable} rows of the pulled list cannot be read")


def _pages(client: DarajaClient, start: datetime, end: datetime) -> Iterator[_Page]:
    body = {
        "ShortCode": client.config.shortcode,
        "StartDate": _wire_time(start),
        # Whole seconds on the wire: the last one is asked for in full.
        "EndDate": _wire_time(end + timedelta(microseconds=999_999)),
    }
    offset = 0
    before: _Page | None = None
    for count in range(1, PAGES_MAX + 1):
        page = _fetch_again(
            client, {**body, "OffSetValue": str(offset)}, 1 if before is None else _PAGE_TRIES
        )
        # A provider that ignores the offset sends the same page for ever.
        stuck = before is not None and page.rows == before.rows and page.number == before.number
        if not page.rows or stuck:
            _expect_the_end(page if page.rows else before or page, count - 1, offset)
            return
        yield page
        offset += len(page.rows)
        if _is_last(page, count, offset):
            return
        before = page
    raise PullFailed(f"the pulled list has more than {PAGES_MAX} pages")


def _fetch_again(client: DarajaClient, body: Mapping[str, str], tries: int) -> _Page:
    # A long list is not given up for one bad page in it: asking for a page again moves no money.
    for _ in range(tries - 1):
        with suppress(PullFailed):
            return _fetch(client, body)
    return _fetch(client, body)


def _fetch(client: DarajaClient, body: Mapping[str, str]) -> _Page:
    try:
        answer = client.post(QUERY_PATH, body, answer_bytes_max=PAGE_BYTES_MAX)
    except (NotSent, NoAnswer) as error:
        raise PullFailed(str(error)) from error
    if not answer.is_ok:
        raise PullFailed(f"{answer.refused.code}: {answer.message}")
    return _read_page(answer)


def _read_page(answer: Answer) -> _Page:
    if answer.body is None:
        raise PullFailed("the pulled list is not JSON, or too long")
    fields = without_spaces(answer.body)
    code, said = fields.get("responsecode"), str(fields.get("responsemessage") or "")
    if code == _NOTHING_OR_FAILED and _NOTHING.search(said):
        return _Page([], None, None, None)
    if code != _FOUND:
        raise PullFailed(f"pull was answered with {short(str(code))[:40]}: {short(said)[:80]}")
    found = fields.get("response")
    if not isinstance(found, list):
        raise PullFailed("the pulled answer holds no list")
    return _Page(
        rows=_flat(found),
        number=_count(fields.get("currentpage")),
        pages=_count(fields.get("totalpages")),
        records=_count(fields.get("totalrecords")),
    )


def _flat(found: list[Any]) -> list[Mapping[str, Any]]:
    """Rows of a list in a list, as Daraja sends it, or of a plain one."""
    rows = [row for part in found for row in (part if isinstance(part, list) else [part])]
    if not all(isinstance(row, dict) for row in rows):
        raise PullFailed("the pulled list holds something that is no row")
    return rows


def _lines(shortcode: str, rows: list[Mapping[str, Any]]) -> tuple[list[WalletLine], int]:
    lines = []
    for row in rows:
        try:
            lines.append(read_row(shortcode, row))
        except UnreadableMessage:
            continue
    return lines, len(rows) - len(lines)


def _is_last(page: _Page, pages_read: int, rows_read: int) -> bool:
    """By the totals alone; without any, only an empty or repeated page is the end."""
    if page.pages is None and page.records is None:
        return False
    return not _announces_more(page, pages_read, rows_read)


def _announces_more(page: _Page, pages_read: int, rows_read: int) -> bool:
    more_pages = page.pages is not None and pages_read < page.pages
    more_records = page.records is not None and rows_read < page.records
    return more_pages or more_records


def _expect_the_end(last: _Page, pages_read: int, rows_read: int) -> None:
    # Servers may give the number of pages by a size of their own; the number of rows is what counts.
    if last.records is not None and rows_read >= last.records:
        return
    if _announces_more(last, pages_read, rows_read):
        raise PullFailed(f"the pulled list ended after {rows_read} rows, before its announced end")


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, str) and _COUNT.fullmatch(value) else None


def _wire_time(instant: datetime) -> str:
    return instant.astimezone(EAST_AFRICA).strftime("%Y-%m-%d %H:%M:%S")
