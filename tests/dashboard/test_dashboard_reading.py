"""Whoever sees personal data, even masked, is in the audit trail; and so is how much of it."""

import re
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import select

from core.audit import AuditEntry, first_broken
from dashboard.services import Services
from tests.dashboard.a_day import Day

AsRole = Callable[[str], FlaskClient]

# A masked phone, a masked name, what somebody typed with only its end, or a member's number.
_OF_A_PERSON = re.compile(r"\+254\S*\*{3,}|[A-Z]\*{2,}|\*{3,}\w{3}|•{2,}\d{3}|4\d\d \d{3} \d{3}")


def addresses(day: Day) -> dict[str, str]:
    """Every page that shows something of a person, and the act it is."""
    return {
        "payments/": "payments.listed",
        f"payments/{day.receipts[0].id}": "payment.opened",
        f"payments/{day.wish}": "payment.opened",
        "suspense/": "suspense.listed",
        f"suspense/{day.receipts[17].id}": "suspense.opened",
        f"exceptions/{day.breaks['suspense']}": "break.opened",
        f"exceptions/{day.breaks['amount_differs']}": "break.opened",
        "members/": "phone_changes.listed",
        f"members/{day.members[0]}": "member.opened",
        f"members/changes/{day.change}": "phone_change.opened",
        "reviews/": "reviews.listed",
        f"reviews/{day.members[4]}": "member.opened",
    }


def acts(parts: Services) -> list[AuditEntry]:
    with parts.sessions() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.number)))


def test_every_look_at_somebodys_data_is_written_down(as_role: AsRole, day: Day, parts: Services) -> None:
    auditor = as_role("auditor")
    for address, act in addresses(day).items():
        before = len(acts(parts))
        page = auditor.get(f"/dashboard/{address}")
        assert page.status_code == 200, address
        assert _OF_A_PERSON.search(page.text.split("<main")[1]), f"{address} shows nobody"
        (entry,) = acts(parts)[before:]
        assert entry.action == act, address
        assert entry.actor == acts(parts)[before - 1].actor
        assert entry.details.get("rows", 1) > 0
    with parts.sessions() as session:
        assert first_broken(session) is None


def test_pages_that_write_nothing_down_show_nobody(as_role: AsRole, day: Day, parts: Services) -> None:
    supervisor, admin = as_role("supervisor"), as_role("admin")
    before = len(acts(parts))
    for part in (
        "day/2026-11-22", "exceptions/", "imports/", "closings/", "closings/2026-11-22", "reports/",
        "queues/", "funnels/", "audit/", "profile/", "checks/",
    ):  # fmt: skip
        page = supervisor.get(f"/dashboard/{part}").text.split("<main")[1]
        assert not re.search(r"\+254|[A-Z]\*{3,}|\*{4,}\w{3}", page), part
    admin.get("/dashboard/staff/")
    assert len(acts(parts)) == before


def test_an_empty_list_shows_nobody(officer: FlaskClient, parts: Services) -> None:
    before = len(acts(parts))
    officer.get("/dashboard/suspense/")
    officer.get("/dashboard/payments/")
    assert len(acts(parts)) == before
