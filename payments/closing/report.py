"""The report of a cut-off as bytes: totals and every fact, the same bytes whenever it is made again."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import Session

from core.clock import FundCalendar
from payments.closing.control import ControlTotals, CutOff, control_totals, fact_parameters
from payments.closing.queries import FACTS

_BATCH = 2000


def report_lines(session: Session, calendar: FundCalendar, of: CutOff) -> Iterator[bytes]:
    """CSV in pieces, lines ending in CR LF (RFC 4180). Facts in the order in which they were recorded."""
    totals = control_totals(session, calendar, of)
    yield _written(_head(of, totals))
    parameters = fact_parameters(session, calendar, of)
    facts = session.execute(FACTS.execution_options(yield_per=_BATCH), parameters)
    for batch in facts.partitions():
        yield _written([_fact(row, of) for row in batch])


def digest_of(pieces: Iterator[bytes]) -> str:
    """SHA-256 of a report, hexadecimal."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def canonical(figures: dict[str, Any]) -> bytes:
    """Figures as JSON that is the same for the same figures."""
    return json.dumps(figures, sort_keys=True, separators=(",", ":")).encode()


def _head(of: CutOff, totals: ControlTotals) -> list[list[str]]:
    rows = [["cut-off", of.wallet, of.shortcode, of.day.isoformat()]]
    rows += [[name, _text(value)] for name, value in totals.as_dict().items()]
    columns = ("number", "key", "reason", "amount_cents", "occurred_at", "recorded_at", "late_from")
    return [*rows, [], list(columns)]


def _fact(row: Any, of: CutOff) -> list[str]:
    return [
        str(row.number),
        row.business_key,
        row.reason,
        str(row.amount_cents),
        row.occurred_at.isoformat(),
        row.recorded_at.isoformat(),
        row.own_day.isoformat() if row.own_day != of.day else "",
    ]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _written(rows: list[list[str]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()
