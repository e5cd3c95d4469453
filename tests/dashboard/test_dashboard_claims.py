"""Claims of members: listed, named on the page of the receipt, and ended by a person with a reason."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from core.audit import AuditEntry
from core.outbox import OutboxRow
from dashboard.services import Services
from payments.claims.service import claim
from payments.claims.tables import Claim
from payments.claims.view import ROWS_MAX
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import post, token_in

AsRole = Callable[[str], FlaskClient]
LIST = "/dashboard/suspense/"
REASON = "called them: they mistyped their sister's code"
ACT = "Close the claim"


def a_claim(parts: Services, day: Day, member: int = 1, place: int = 17) -> uuid.UUID:
    """A member says that money in suspense is theirs, and nothing we know says so."""
    receipt, now = day.receipts[place].receipt, parts.clock.now() - timedelta(hours=3)
    with parts.sessions.begin() as session:
        claim(session, day.members[member], receipt, now=now)
        return session.scalars(
            select(Claim.id).where(Claim.receipt == receipt, Claim.member_id == day.members[member])
        ).one()


@pytest.fixture
def claim_id(parts: Services, day: Day) -> uuid.UUID:
    return a_claim(parts, day)


def spaced(day: Day, member: int) -> str:
    digits = day.numbers[member]
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}"


def closed(parts: Services) -> list[AuditEntry]:
    with parts.sessions() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == "claim.closed")))


def told(parts: Services) -> list[str]:
    with parts.sessions() as session:
        payloads = session.scalars(select(OutboxRow.payload).where(OutboxRow.topic == "message"))
        return [payload["member_id"] for payload in payloads if payload["template"] == "claim_closed"]


def test_a_claim_is_listed_with_its_own_time(officer: FlaskClient, day: Day, claim_id: uuid.UUID) -> None:
    section = officer.get(LIST).text.split('id="claims"')[1]
    assert ">Claimed</th>" in section
    assert "Decided" not in section
    assert 'datetime="2026-11-22T09:00:00+03:00"' in section
    assert spaced(day, 1) in section


def test_a_claim_is_closed_once_with_a_reason(
    officer: FlaskClient, day: Day, parts: Services, claim_id: uuid.UUID
) -> None:
    address = f"{LIST}claims/{claim_id}"
    assert ACT in officer.get(LIST).text
    assert post(officer, address, form_on=LIST, reason=REASON).headers["Location"] == LIST
    page = officer.get(LIST).text
    assert "Closed. The member is told by SMS" in page
    assert 'id="claims"' not in page
    officer.post(address, data={"csrf_token": token_in(page), "reason": REASON})
    assert "Nothing was changed. Somebody closed it already" in officer.get(LIST).text
    [entry] = closed(parts)
    assert (entry.reason, entry.subject) == (REASON, str(day.receipts[17].id))
    assert told(parts) == [str(day.members[1])]


def test_a_claim_is_not_closed_without_a_reason(
    officer: FlaskClient, parts: Services, claim_id: uuid.UUID
) -> None:
    post(officer, f"{LIST}claims/{claim_id}", form_on=LIST, reason="no")
    assert "Give a reason of at least ten characters" in officer.get(LIST).text
    assert closed(parts) == []
    assert told(parts) == []
    gone = post(officer, f"{LIST}claims/{uuid.uuid4()}", form_on=LIST, reason=REASON)
    assert gone.status_code == 404


def test_an_auditor_sees_claims_and_closes_none(as_role: AsRole, day: Day, claim_id: uuid.UUID) -> None:
    auditor = as_role("auditor")
    page = auditor.get(LIST).text
    assert spaced(day, 1) in page
    assert ACT not in page
    token = {"csrf_token": token_in(page), "reason": REASON}
    assert auditor.post(f"{LIST}claims/{claim_id}", data=token).status_code == 403


def test_the_page_of_a_receipt_names_who_claims_it(
    officer: FlaskClient, day: Day, parts: Services, claim_id: uuid.UUID
) -> None:
    page = f"{LIST}{day.receipts[17].id}"
    a_claim(parts, day, member=7)
    shown = officer.get(page).text.split('id="claims"')[1].split("</section>")[0]
    assert spaced(day, 1) in shown
    assert spaced(day, 7) in shown
    assert shown.count(ACT) == 2
    answer = post(officer, f"{LIST}claims/{claim_id}?receipt={day.receipts[17].id}", page, reason=REASON)
    assert answer.headers["Location"] == page
    shown = officer.get(page).text.split('id="claims"')[1].split("</section>")[0]
    assert shown.count(ACT) == 1
    assert "Closed" in shown
    assert 'id="claims"' not in officer.get(f"{LIST}{day.receipts[39].id}").text


def test_a_long_list_says_how_many_more_there_are(officer: FlaskClient, day: Day, parts: Services) -> None:
    assert "oldest of" not in officer.get(LIST).text
    with parts.sessions.begin() as session:
        for number in range(ROWS_MAX + 3):
            row = Claim(
                id=uuid.uuid4(),
                member_id=day.members[0],
                receipt=f"GUESS{number:05d}",
                state="staff",
                why="no wallet lists this receipt",
                claimed_at=parts.clock.now(),
            )
            session.add(row)
    page = officer.get(LIST).text
    assert "The 50 oldest of 53 are shown." in page
    assert page.count(ACT) == ROWS_MAX
