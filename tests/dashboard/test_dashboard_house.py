"""The house: queues with what was given up, and the audit trail with its chain."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from core import outbox
from core.audit import AuditEntry, record
from core.outbox import OutboxRow
from dashboard.services import Services
from registry.breaker import FAILURES_MAX, Breaker
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import post

AsRole = Callable[[str], FlaskClient]


def test_with_nothing_waiting_the_queues_say_so(officer: FlaskClient) -> None:
    page = officer.get("/dashboard/queues/").text
    assert "Nothing waits" in page
    assert "Not read yet" in page
    assert "Nothing compared yet" in page


def test_queues_show_what_waits_and_what_was_given_up(officer: FlaskClient, day: Day) -> None:
    page = officer.get("/dashboard/queues/").text
    assert "Posts to the central registry and reads back" in page
    assert "20 min" in page
    assert "UserInBlacklist for •••" in page
    assert "the wallet answered 503" in page
    assert "Try again" not in page
    for table in ("pulls", "compared"):
        assert "<td>M-Pesa 174379</td>" in page.split(f'<h2 id="{table}"')[1].split("</section>")[0]


def test_what_is_set_for_later_does_not_count_as_waiting(officer: FlaskClient, parts: Services) -> None:
    object.__setattr__(parts, "circuits", (Breaker("civil"),))
    now, hours = parts.clock.now(), timedelta(hours=6)
    with parts.sessions.begin() as session:
        for key in ("one", "two"):
            outbox.add(session, "watch", key, {}, now=now - timedelta(minutes=16), due_at=now + hours)
    page = officer.get("/dashboard/queues/").text
    [circuit] = [part for part in page.split("<tr>") if "Civil registry" in part]
    [queue] = [part for part in page.split("<tr>") if "Asks the civil registry to tell of deaths" in part]
    assert circuit.count('<td class="number">0</td>') == 2
    assert queue.split('<td class="number">')[1:3] == ["0</td>", "\N{EN DASH}</td>"]
    assert '<td class="number">2</td>' in queue


def test_a_registry_that_is_down_is_seen_with_what_waits_for_it(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    now = 1_795_338_000.0  # 22 November 2026, 12:00 in Nairobi
    fund, civil = (Breaker(name, wall_clock=lambda: now) for name in ("fund", "civil"))
    object.__setattr__(parts, "circuits", (fund, civil))
    quiet = officer.get("/dashboard/queues/").text
    assert quiet.count("Working</span>") == 2
    for _ in range(FAILURES_MAX):
        fund.failed()
    page = officer.get("/dashboard/queues/").text
    assert page.count("Down, nothing is sent") == 1
    [row] = [part for part in page.split("<tr>") if "Central registry" in part]
    assert f">{FAILURES_MAX}</td>" in row
    with parts.sessions() as session:
        waiting = session.scalar(
            select(func.count()).where(
                OutboxRow.state == "pending",
                OutboxRow.topic.in_(("post", "correct", "enrolled", "enrolment")),
            )
        )
    assert waiting
    assert f">{waiting}</td>" in row


def test_a_supervisor_puts_a_given_up_task_back_once(as_role: AsRole, day: Day, parts: Services) -> None:
    supervisor = as_role("supervisor")
    for _ in range(2):
        post(supervisor, f"/dashboard/queues/{day.dead_task}/again", "/dashboard/queues/")
    with parts.sessions() as session:
        row = session.get_one(OutboxRow, day.dead_task)
        acts = session.scalars(select(AuditEntry).where(AuditEntry.action == "outbox.tried_again")).all()
    assert row.state == "pending"
    # It has all its tries again: the next trouble that passes does not bury it.
    assert row.failures == 0
    assert row.due_at == parts.clock.now()
    assert len(acts) == 1


def test_the_trail_names_people_and_narrows_to_one_subject(as_role: AsRole, parts: Services) -> None:
    auditor = as_role("auditor")
    with parts.sessions.begin() as session:
        record(session, at=parts.clock.now(), actor="system", action="some.new_act", subject="thing-1")
    page = auditor.get("/dashboard/audit/").text
    assert "Amina Auditor" in page
    assert "some.new act" in page
    only = auditor.get("/dashboard/audit/?subject=thing-1").text
    assert only.count("<tr>") == 2


def test_a_long_trail_is_read_backwards_in_pages(as_role: AsRole, parts: Services) -> None:
    auditor = as_role("auditor")
    with parts.sessions.begin() as session:
        for place in range(60):
            record(session, at=parts.clock.now(), actor="system", action="a", subject=f"thing-{place}")
    page = auditor.get("/dashboard/audit/").text
    assert "thing-59" in page
    assert "thing-5<" not in page
    older = page.split('href="/dashboard/audit/?before=')[1].split('"')[0]
    assert "thing-5<" in auditor.get(f"/dashboard/audit/?before={older}").text


@pytest.mark.parametrize("tampered", [False, True])
def test_the_chain_is_checked_on_request(as_role: AsRole, parts: Services, tampered: bool) -> None:
    auditor = as_role("auditor")
    if tampered:
        with parts.sessions.begin() as session:
            session.execute(text("ALTER TABLE audit DISABLE TRIGGER append_only"))
            session.execute(text("UPDATE audit SET actor = 'somebody else' WHERE number = 2"))
            session.execute(text("ALTER TABLE audit ENABLE TRIGGER append_only"))
    page = post(auditor, "/dashboard/audit/check", "/dashboard/audit/").text
    assert ("Entry 2 does not follow" in page) is tampered
    assert ("The chain holds" in page) is not tampered
