"""SMS that people were told somebody would read are read by somebody, once."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from core.audit import AuditEntry
from core.ids import new_id
from dashboard.services import Services
from messages.tables import InboundMessageRow
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import post

AsRole = Callable[[str], FlaskClient]
WORDS = "Nilituma pesa jana <b>hazionekani</b>"


@pytest.fixture
def message(parts: Services, day: Day) -> str:
    """An SMS from a phone that is no member's; its address."""
    row = InboundMessageRow(
        id=new_id(),
        provider_id="sms-1",
        sender="+254733000111",
        sender_index="x",
        text=WORDS,
        keyword="unknown",
        answered=False,
        received_at=parts.clock.now(),
    )
    with parts.sessions.begin() as session:
        session.add(row)
        session.flush()
        return f"/dashboard/inbox/{row.id}"


def acts(parts: Services) -> list[str]:
    with parts.sessions() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)))


def test_what_no_keyword_explains_is_shown_with_a_masked_phone(
    officer: FlaskClient, message: str, parts: Services
) -> None:
    page = officer.get("/dashboard/inbox/").text
    assert "Nilituma pesa jana &lt;b&gt;hazionekani" in page
    assert "733000111" not in page
    assert acts(parts)[-1] == "inbox.listed"


def test_one_that_was_answered_leaves_the_list_once(
    officer: FlaskClient, message: str, parts: Services
) -> None:
    form = "/dashboard/inbox/"
    token_page = officer.get(form).text
    assert "Answered" in token_page
    assert post(officer, message, form_on=form).status_code == 302
    assert acts(parts).count("inbox.answered") == 1
    assert "Nothing to read" in officer.get(form).text
    again = post(officer, message, form_on="/dashboard/profile/")
    assert again.status_code == 302
    assert acts(parts).count("inbox.answered") == 1


def test_an_auditor_reads_and_changes_nothing(as_role: AsRole, message: str) -> None:
    auditor = as_role("auditor")
    assert "Nilituma" in auditor.get("/dashboard/inbox/").text
    assert post(auditor, message, form_on="/dashboard/profile/").status_code == 403
