"""Who is no member is reached too: the number of a sender or a payer in full, with a reason, remembered."""

import uuid
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from core.audit import AuditEntry
from core.ids import new_id
from core.phone import PhoneNumber
from dashboard.services import Services
from messages.tables import InboundMessageRow
from payments.particulars import Particulars
from payments.receipts.tables import Receipt
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import post, token_in

AsRole = Callable[[str], FlaskClient]
INBOX = "/dashboard/inbox/"
REASON = "they were promised a call about their payment"
STRANGER = "+254733000111"


def a_message(parts: Services, sender: str = STRANGER) -> uuid.UUID:
    """An SMS that waits to be read; its id."""
    row = InboundMessageRow(
        id=new_id(),
        provider_id=f"sms-{sender}",
        sender=sender,
        sender_index="x",
        text="Nilituma pesa jana hazionekani",
        keyword="unknown",
        answered=False,
        received_at=parts.clock.now(),
    )
    with parts.sessions.begin() as session:
        session.add(row)
        session.flush()
        return row.id


def entries(parts: Services, action: str) -> list[AuditEntry]:
    with parts.sessions() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


@pytest.mark.parametrize("role", ["officer", "auditor"])
def test_the_sender_of_a_message_is_shown_in_full_this_once(
    as_role: AsRole, parts: Services, day: Day, role: str
) -> None:
    message_id, other = a_message(parts), a_message(parts, "+254733000222")
    reader = as_role(role)
    assert "Show in full" in reader.get(INBOX).text
    page = post(reader, f"{INBOX}{message_id}/unmask", INBOX, reason=REASON).text
    assert STRANGER in page
    assert "+254733000222" not in page
    assert "This is in the audit trail" in page
    [entry] = entries(parts, "sender.unmasked")
    assert (entry.subject, entry.reason, entry.details) == (str(message_id), REASON, {})
    assert STRANGER not in reader.get(INBOX).text
    assert other != message_id


def test_whose_phone_a_sender_has_is_in_the_trail(officer: FlaskClient, parts: Services, day: Day) -> None:
    message_id = a_message(parts, day.phones[0].e164)
    page = post(officer, f"{INBOX}{message_id}/unmask", INBOX, reason=REASON).text
    assert day.phones[0].e164 in page
    [entry] = entries(parts, "sender.unmasked")
    assert entry.details == {"member": str(day.members[0])}


def test_a_sender_is_not_shown_without_a_reason(officer: FlaskClient, parts: Services, day: Day) -> None:
    message_id = a_message(parts)
    assert post(officer, f"{INBOX}{message_id}/unmask", INBOX, reason="because").status_code == 302
    page = officer.get(INBOX).text
    assert "Give a reason of at least 10 characters" in page
    assert STRANGER not in page
    assert entries(parts, "sender.unmasked") == []


def test_what_waits_no_more_or_was_no_phone_has_no_number_to_show(
    officer: FlaskClient, parts: Services, day: Day
) -> None:
    short_code = a_message(parts, "MPESA")
    assert "Show in full" not in officer.get(INBOX).text
    profile = "/dashboard/profile/"
    for message_id in (short_code, uuid.uuid4()):
        assert post(officer, f"{INBOX}{message_id}/unmask", profile, reason=REASON).status_code == 404
    assert entries(parts, "sender.unmasked") == []


@pytest.mark.parametrize("role", ["officer", "auditor"])
def test_the_payer_of_a_receipt_is_shown_in_full_this_once(
    as_role: AsRole, parts: Services, day: Day, role: str
) -> None:
    receipt = day.receipts[17]
    payer = PhoneNumber(Particulars.from_json(receipt.particulars).payer)
    address = f"/dashboard/suspense/{receipt.id}"
    reader = as_role(role)
    assert payer.masked in reader.get(address).text
    short = post(reader, f"{address}/unmask", address, unmask_reason="because")
    assert short.status_code == 302
    assert entries(parts, "payer.unmasked") == []
    page = post(reader, f"{address}/unmask", address, unmask_reason=REASON).text
    assert payer.e164 in page
    assert "This is in the audit trail" in page
    [entry] = entries(parts, "payer.unmasked")
    assert (entry.subject, entry.reason) == (str(receipt.id), REASON)
    assert payer.e164 not in reader.get(address).text


def test_a_payer_whom_the_wallet_hides_cannot_be_shown(
    officer: FlaskClient, parts: Services, day: Day
) -> None:
    with parts.sessions.begin() as session:
        hidden = Particulars(account="oops", payer_mask="2547*****111").to_json()
        session.get_one(Receipt, day.receipts[17].id).particulars = hidden
    address = f"/dashboard/suspense/{day.receipts[17].id}"
    page = officer.get(address).text
    assert "2547*****111" in page
    assert "Show in full" not in page
    token = token_in(page)
    answer = officer.post(f"{address}/unmask", data={"csrf_token": token, "unmask_reason": REASON})
    assert answer.status_code == 404
    assert entries(parts, "payer.unmasked") == []


def test_an_administrator_sees_no_number(as_role: AsRole, parts: Services, day: Day) -> None:
    admin = as_role("admin")
    for address in (f"{INBOX}{a_message(parts)}", f"/dashboard/suspense/{day.receipts[17].id}"):
        answer = post(admin, f"{address}/unmask", "/dashboard/profile/", reason=REASON)
        assert answer.status_code == 403
