"""Reports: the month's days, differences by age, the audit chain's heads; on the page and as files."""

import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from core.audit import AuditEntry
from core.audit_heads import AuditHead, KeepingHeads
from core.ids import new_id
from core.outbox import Task
from dashboard.day_proof import verdict_on
from dashboard.services import Services
from payments.closing.control import ControlTotals, CutOff, control_totals
from payments.closing.service import Closings, in_force
from payments.reconciliation.service import reconcile
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import turn
from tests.dashboard.opened_files import strings_of, text_of_pdf

AsRole = Callable[[str], FlaskClient]
REPORTS = "/dashboard/reports/"


def table(client: FlaskClient, address: str) -> list[list[str]]:
    answer = client.get(address)
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"))))


def close_the_day(parts: Services) -> CutOff:
    """The day after: compared and closed."""
    of = CutOff(parts.wallet, parts.shortcode, parts.calendar.day_of(parts.clock.now()))
    turn(parts, timedelta(hours=20))
    with parts.sessions.begin() as session:
        reconcile(
            session,
            parts.calendar,
            wallet=of.wallet,
            shortcode=of.shortcode,
            day=of.day,
            now=parts.clock.now(),
        )
    Closings(parts.sessions, parts.clock, parts.calendar).close_day(
        of, by="operator", reason="closed for the month's report"
    )
    return of


def test_a_day_stands_in_its_month_with_what_its_proof_says(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    with parts.sessions() as session:
        of = CutOff(parts.wallet, parts.shortcode, parts.calendar.day_of(parts.clock.now()))
        totals = control_totals(session, parts.calendar, of)
    head, *rows = table(officer, f"{REPORTS}days.csv?month=2026-11")
    row = dict(zip(head, rows[-1], strict=True))
    assert row["Day"] == "2026-11-22"
    assert row["Money in"] == f"{totals.credits_cents / 100:.2f}"
    assert row["Money in, ledger"] == f"{totals.ledger_in_cents / 100:.2f}"
    assert row["Closed by"] == ""
    page = officer.get(REPORTS).text
    assert "The days of November 2026" in page
    assert "22 Nov 2026" in page


def test_a_closed_day_is_reported_as_it_was_closed(as_role: AsRole, day: Day, parts: Services) -> None:
    of = close_the_day(parts)
    with parts.sessions() as session:
        closing = in_force(session, of.wallet, of.shortcode, "day", of.day.isoformat())
        assert closing is not None
        assert ControlTotals.of_closing(closing) == control_totals(session, parts.calendar, of)
    head, *rows = table(as_role("officer"), f"{REPORTS}days.csv?month=2026-11")
    closed = {row[0]: dict(zip(head, row, strict=True)) for row in rows}["2026-11-22"]
    assert closed["SHA-256"] == closing.digest
    assert closed["Closed by"] == "operator"


def test_files_say_of_a_proof_and_of_a_time_what_the_screen_says(
    as_role: AsRole, day: Day, parts: Services
) -> None:
    """Before any statement nothing is proven and nothing fails; times are those of the fund's own clock."""
    of = close_the_day(parts)
    supervisor = as_role("supervisor")
    on_screen = supervisor.get(f"/dashboard/closings/{of.day}").text
    assert "No statement yet" in on_screen
    assert "23 Nov 2026, 08:00:00" in on_screen
    head, *rows = table(supervisor, f"{REPORTS}days.csv?month=2026-11")
    row = next(dict(zip(head, row, strict=True)) for row in rows if row[0] == of.day.isoformat())
    assert row["Proof"] == "No statement yet"
    assert row["Closed at"] == "2026-11-23T08:00:00+03:00"
    cells = strings_of(supervisor.get(f"{REPORTS}days.xlsx?month=2026-11").data)
    assert {"No statement yet", "2026-11-23T08:00:00+03:00"} <= set(cells)
    assert "Does not add up" not in cells
    proof = f"/dashboard/closings/{of.day}/proof"
    for said in (
        text_of_pdf(supervisor.get(f"{proof}.pdf").data),
        strings_of(supervisor.get(f"{proof}.xlsx").data),
    ):
        assert "No statement yet" in said
        assert "Does not add up" not in said


@pytest.mark.parametrize(
    ("gap_cents", "words"), [(0, "Proven"), (5, "Does not add up"), (None, "No statement yet")]
)
def test_a_proof_holds_fails_or_waits_for_its_statement(gap_cents: int | None, words: str) -> None:
    nothing: dict[str, Any] = dict.fromkeys((each.name for each in fields(ControlTotals)), 0)
    nothing |= {"follows_day": None, "follows_cents": None}
    totals = replace(ControlTotals(**nothing), statement_cents=gap_cents)
    assert totals.gap_cents == gap_cents
    assert verdict_on(totals) == words


def test_differences_by_age_add_up_to_the_list(officer: FlaskClient, day: Day) -> None:
    head, *rows = table(officer, f"{REPORTS}differences.csv")
    open_now = table(officer, "/dashboard/exceptions/download.csv")[1:]
    assert sum(int(row[head.index("Number")]) for row in rows) == len(open_now)
    for row in rows:
        ages = [int(row[place]) for place in range(1, len(head) - 2, 2)]
        assert sum(ages) == int(row[-2])
    assert head[-1] in officer.get(REPORTS).text


@pytest.mark.parametrize("name", ["days", "differences"])
def test_a_workbook_opens_and_taking_it_is_written_down(
    officer: FlaskClient, day: Day, parts: Services, name: str
) -> None:
    answer = officer.get(f"{REPORTS}{name}.xlsx")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as book:
        assert "xl/worksheets/sheet1.xml" in book.namelist()
    with parts.sessions() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "report.downloaded")).one()
    assert entry.subject.startswith(f"{name}:")
    assert officer.get(f"{REPORTS}{name}.doc").status_code == 404


@pytest.mark.parametrize("typed", ["2026-13", "1999-01", "november", "2026-11-22"])
def test_what_is_no_month_is_refused(officer: FlaskClient, typed: str) -> None:
    assert officer.get(REPORTS, query_string={"month": typed}).status_code == 400


def test_a_month_before_the_first_payment_is_empty(officer: FlaskClient, day: Day) -> None:
    assert "No days in this month" in officer.get(f"{REPORTS}?month=2026-03").text


def test_the_daily_heads_are_taken_outside_by_those_who_inspect(
    as_role: AsRole, day: Day, parts: Services
) -> None:
    auditor = as_role("auditor")
    keeping = KeepingHeads(parts.sessions, parts.clock, parts.calendar)
    keeping.run(Task(new_id(), "audit_head", "today", {}, 1, parts.clock.now()))
    head, row = table(auditor, f"{REPORTS}audit-heads.csv")
    with parts.sessions() as session:
        kept = session.scalars(select(AuditHead)).one()
        entry = session.scalars(select(AuditEntry).where(AuditEntry.number == kept.number)).one()
    assert dict(zip(head, row, strict=True))["SHA-256"] == kept.hash == entry.hash
    assert row[-1] == "2026-11-22T12:00:00+03:00"
    assert as_role("officer").get(f"{REPORTS}audit-heads.csv").status_code == 403
