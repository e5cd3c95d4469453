"""The audit trail is searched by who acted, what was done, about what and when, and downloaded as seen."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from core import audit
from core.audit import AuditEntry
from dashboard import exporting
from dashboard.pages import audit as trail
from dashboard.services import Services
from tests.dashboard.a_day import Day
from tests.dashboard.opened_files import strings_of

AsRole = Callable[[str], FlaskClient]
TRAIL = "/dashboard/audit/"


@pytest.fixture
def auditor(as_role: AsRole, parts: Services) -> FlaskClient:
    """Signed in, with acts of two days and two people behind them."""
    now = parts.clock.now()
    with parts.sessions.begin() as database:
        for days, actor, action, subject, reason in (
            (2, "staff:ada", "member.unmasked", "member-1", "=HYPERLINK(1) called from 0722000111"),
            (1, "staff:ada", "payment.opened", "payment-1", ""),
            (1, "staff:ben", "payment.opened", "payment-2", ""),
        ):
            at = now - timedelta(days=days)
            audit.record(database, at=at, actor=actor, action=action, subject=subject, reason=reason)
    return as_role("auditor")


def seen(client: FlaskClient, **sought: str) -> list[str]:
    """The subjects on the page, newest first, without those of signing in."""
    page = client.get(TRAIL, query_string=sought).text
    return [name for name in re.findall(r'<code title="([^"]+)"', page) if re.match("member-|payment-", name)]


def date_of(parts: Services, days: int) -> str:
    return parts.calendar.day_of(parts.clock.now() - timedelta(days=days)).isoformat()


def test_each_choice_narrows_and_all_of_them_together(auditor: FlaskClient, parts: Services) -> None:
    assert seen(auditor) == ["payment-2", "payment-1", "member-1"]
    assert seen(auditor, who="staff:ada") == ["payment-1", "member-1"]
    assert seen(auditor, did="payment.opened") == ["payment-2", "payment-1"]
    assert seen(auditor, who="staff:ada", did="payment.opened") == ["payment-1"]
    assert seen(auditor, subject="payment-2") == ["payment-2"]
    assert seen(auditor, since=date_of(parts, 1)) == ["payment-2", "payment-1"]
    assert seen(auditor, until=date_of(parts, 2)) == ["member-1"]
    assert seen(auditor, since=date_of(parts, 2), until=date_of(parts, 2)) == ["member-1"]
    assert seen(auditor, who="staff:nobody") == []
    assert "No entry is of this choice." in auditor.get(f"{TRAIL}?who=staff:nobody").text


def test_the_choice_stays_in_every_address_of_the_page(auditor: FlaskClient) -> None:
    page = auditor.get(f"{TRAIL}?did=payment.opened&subject=payment-1").text
    assert "trail.csv?did=payment.opened&amp;subject=payment-1" in page
    assert "check?did=payment.opened&amp;subject=payment-1" in page
    assert '<option value="payment.opened" selected>Payment opened</option>' in page
    assert 'name="subject" value="payment-1"' in page


def test_what_is_seen_is_downloaded_and_that_stands_in_the_trail(
    auditor: FlaskClient, parts: Services
) -> None:
    got = auditor.get(f"{TRAIL}trail.csv?who=staff:ada")
    head, *rows = csv.reader(io.StringIO(got.text.removeprefix("\ufeff")))
    assert head == ["No.", "At", "Who", "Did", "About", "Reason", "Details"]
    assert [row[3:5] for row in rows] == [
        ["Payment opened", "payment-1"],
        ["Personal data seen in full", "member-1"],
    ]
    book = auditor.get(f"{TRAIL}trail.xlsx?who=staff:ada").data
    assert {"Payment opened", "member-1"} <= set(strings_of(book))
    assert auditor.get(f"{TRAIL}trail.pdf").status_code == 404
    # No formula, and nobody's number.
    assert rows[1][5].startswith("'=")
    assert "0722000111" not in got.text
    with parts.sessions() as database:
        entries = database.scalars(select(AuditEntry).where(AuditEntry.action == "audit.exported")).all()
    assert [entry.details for entry in entries] == [{"who": "staff:ada"}] * 2


def test_a_trail_that_no_workbook_holds_is_refused_as_one_and_comes_whole_as_csv(
    auditor: FlaskClient, parts: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_XLSX_ROWS_MAX", 2)
    with monkeypatch.context() as without:
        # No workbook is begun first.
        without.setattr(exporting, "xlsx_response", None)
        refused = auditor.get(f"{TRAIL}trail.xlsx")
    assert refused.status_code == 422
    assert "take the CSV, which holds all of them" in refused.text
    with parts.sessions() as database:
        assert database.scalars(select(AuditEntry).where(AuditEntry.action == "audit.exported")).all() == []
    rows = auditor.get(f"{TRAIL}trail.csv").text.splitlines()
    assert len(rows) > 3
    book = auditor.get(f"{TRAIL}trail.xlsx?who=staff:ada").data
    assert {"payment-1", "member-1"} <= set(strings_of(book))


def test_pages_of_days_show_every_entry_once_whatever_the_order_of_their_times(
    auditor: FlaskClient, parts: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = parts.clock.now() - timedelta(days=5)
    # As they are in the chain; a time was read before the chain was waited for, or is the same as another.
    seconds = (0, 3, 3, 1, 2, 3, 0)
    with parts.sessions.begin() as database:
        for place, later in enumerate(seconds):
            told = at + timedelta(seconds=later)
            audit.record(database, at=told, actor="system", action="x", subject=f"payment-{place}")
    monkeypatch.setattr(trail, "_ROWS", 2)
    address = f"{TRAIL}?since={date_of(parts, 5)}&until={date_of(parts, 5)}"
    shown: list[str] = []
    while address:
        page = auditor.get(address).text
        shown += re.findall(r'<code title="(payment-[^"]+)"', page)
        older = re.search(r'href="([^"]+before=[^"]+)"', page)
        address = unescape(older[1]) if older else ""
    assert shown == [f"payment-{place}" for place in (5, 2, 1, 4, 3, 6, 0)]


@pytest.mark.parametrize("is_first_page", [True, False])
def test_days_of_long_ago_are_not_reached_through_all_that_came_since(
    app: Flask, parts: Services, *, is_first_page: bool
) -> None:
    rows = """INSERT INTO audit (at, actor, action, subject, details, prev_hash, hash)
      SELECT CAST(:at AS timestamptz) + n * interval '30 minutes', 'system', 'x', 'y', '{}', '', n::text
      FROM generate_series(1, 20000) n"""
    first = parts.calendar.day_of(parts.clock.now())
    sought = trail.Sought(since=first, until=first + timedelta(days=31))
    with parts.sessions.begin() as session, app.test_request_context():
        session.execute(text(rows), {"at": parts.clock.now()})
        session.execute(text("ANALYZE audit"))
        query = sought.entries().limit(51)
        if not is_first_page:
            number = session.scalars(select(AuditEntry.number).where(AuditEntry.hash == "200")).one()
            query = query.where(sought.older_than(session, number))
        asked = query.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        plan = "\n".join(session.scalars(text(f"EXPLAIN {asked}")))
    assert "ix_audit_at" in plan, plan
    assert "pk_audit" not in plan, plan


@pytest.mark.parametrize("day", ["yesterday", "0001-01-01", "1999-12-31", "9999-12-31"])
@pytest.mark.parametrize("address", [TRAIL, f"{TRAIL}trail.csv", f"{TRAIL}trail.xlsx"])
def test_what_is_no_day_is_refused(auditor: FlaskClient, address: str, day: str) -> None:
    assert auditor.get(f"{address}?since={day}").status_code == 400
    assert auditor.get(f"{address}?until={day}").status_code == 400


def test_an_officer_downloads_no_trail(officer: FlaskClient) -> None:
    assert officer.get(f"{TRAIL}trail.csv").status_code == 403


def test_a_members_page_leads_to_who_looked_at_it(as_role: AsRole, day: Day) -> None:
    address = f"/dashboard/members/{day.members[0]}"
    link = f"{TRAIL}?subject={day.members[0]}"
    assert link not in as_role("officer").get(address).text
    supervisor = as_role("supervisor")
    assert link in supervisor.get(address).text
    assert "Member&#39;s page opened" in supervisor.get(link).text
