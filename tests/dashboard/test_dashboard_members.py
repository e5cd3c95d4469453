"""Members: found by what they say, masked everywhere, in full only with a reason; decisions made once."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from core.audit import AuditEntry
from core.outbox import OutboxRow
from dashboard.services import Services
from members.model import PhoneChangeState, Standing, Status, TellingState
from members.pins import LOCK_MINUTES, Locked
from members.tables import EnrolmentTellingRow, MemberRow, PhoneChangeRow, PinRow
from payments.contributions.tables import Contribution
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import post, sign_in, turn
from tests.told import without_random

MEMBERS = "/dashboard/members/"
REASON = "The member asks on the phone why a payment is missing"


def entries(parts: Services, action: str) -> list[AuditEntry]:
    with parts.sessions() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


def written(day: Day, kind: str) -> str:
    phone = day.phones[0].e164
    return {
        "number": day.numbers[0],
        "spaced number": f"{day.numbers[0][:3]} {day.numbers[0][3:6]} {day.numbers[0][6:]}",
        "phone": f"0{phone[4:]}",
        "international phone": phone,
        "national_id": day.identifiers[0],
    }[kind]


@pytest.mark.parametrize("kind", ["number", "spaced number", "phone", "international phone", "national_id"])
def test_a_member_is_found_by_each_way_of_saying_who(
    officer: FlaskClient, day: Day, parts: Services, kind: str
) -> None:
    answer = post(officer, MEMBERS, query=written(day, kind))
    assert answer.headers["Location"] == f"{MEMBERS}{day.members[0]}"
    (entry,) = entries(parts, "member.searched")
    assert entry.subject == str(day.members[0])
    assert entry.details["by"] in kind
    assert day.identifiers[0] not in str(entry.details)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("400000017", "none of the three"),
        ("0799999999", "Nobody found"),
        ("12345678", "Nobody found"),
        ("O712", "none of the three"),
        ("' OR 1=1 --", "none of the three"),
        ("<script>", "none of the three"),
    ],
)
def test_a_search_that_finds_nobody_says_why(officer: FlaskClient, day: Day, typed: str, words: str) -> None:
    page = post(officer, MEMBERS, query=typed).text
    assert words in page
    assert typed not in page


def test_a_member_page_is_masked_and_its_opening_is_remembered(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    page = officer.get(f"{MEMBERS}{day.members[0]}").text
    assert day.phones[0].masked in page
    assert "•••••" in page
    assert not [secret for secret in day.secrets if secret in page]
    assert len(entries(parts, "member.opened")) == 1


def test_unmasking_needs_a_reason_and_is_remembered_with_it(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    address = f"{MEMBERS}{day.members[0]}"
    assert post(officer, f"{address}/unmask", address, reason="because").status_code == 302
    assert entries(parts, "member.unmasked") == []
    page = post(officer, f"{address}/unmask", address, reason=REASON).text
    assert day.phones[0].e164 in page
    assert day.identifiers[0] in page
    (entry,) = entries(parts, "member.unmasked")
    assert entry.reason == REASON
    assert entry.actor.startswith("staff:")
    assert day.phones[0].e164 not in officer.get(address).text


def test_a_member_without_payments_or_consents_has_a_page(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    new = uuid.uuid4()
    with parts.sessions.begin() as session:
        old = session.get_one(MemberRow, day.members[0])
        columns = {column.key: getattr(old, column.key) for column in MemberRow.__table__.columns}
        other = {"id": new, "number": "400099993", "phone_index": "p", "wallet_hash_index": "w"}
        session.add(MemberRow(**{**columns, **other, "identifier_index": "i", "join_key": "j"}))
    page = officer.get(f"{MEMBERS}{new}").text
    assert "This member has not saved yet" in page
    assert "No consents" in page


def test_a_member_page_says_what_the_central_registry_was_told_last(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    address = f"{MEMBERS}{day.members[0]}"
    assert "At the central registry" not in officer.get(address).text
    told(parts, day, 1, Standing.ACTIVE, TellingState.CONFIRMED)
    assert "Enrolled with us, confirmed" in officer.get(address).text
    told(parts, day, 2, Standing.INACTIVE, TellingState.WAITING)
    page = officer.get(address).text
    assert "No longer enrolled, on its way" in page
    assert "Enrolled with us, confirmed" not in page
    told(parts, day, 3, Standing.ACTIVE, TellingState.WITHDRAWN)
    assert "No longer enrolled, on its way" in officer.get(address).text


def told(parts: Services, day: Day, number: int, standing: Standing, state: TellingState) -> None:
    with parts.sessions.begin() as session:
        session.add(
            EnrolmentTellingRow(
                member_id=day.members[0],
                number=number,
                standing=standing,
                state=state,
                written_at=parts.clock.now(),
            )
        )


def test_no_page_shows_a_phone_or_an_id_in_full(as_role: Callable[[str], FlaskClient], day: Day) -> None:
    supervisor = as_role("supervisor")
    addresses = [
        "day/2026-11-22",
        "exceptions/",
        "exceptions/download.csv",
        "payments/",
        "members/",
        "queues/",
    ]
    addresses += ["audit/", f"members/changes/{day.change}", f"payments/{day.wish}"]
    addresses += [f"exceptions/{break_id}" for break_id in day.breaks.values()]
    addresses += [f"payments/{receipt.id}" for receipt in day.receipts]
    addresses += [f"members/{member}" for member in day.members]
    for address in addresses:
        answer = supervisor.get(f"/dashboard/{address}")
        assert answer.status_code == 200, address
        assert [secret for secret in day.secrets if secret in answer.text] == [], address


@pytest.mark.parametrize(
    ("answer", "state"), [("accept", PhoneChangeState.DONE), ("refuse", PhoneChangeState.REFUSED)]
)
def test_staff_decide_a_change_of_phone_once(
    officer: FlaskClient, day: Day, parts: Services, answer: str, state: PhoneChangeState
) -> None:
    assert "The year of birth given was not the right one." in officer.get(MEMBERS).text
    address = f"{MEMBERS}changes/{day.change}"
    decided = post(officer, address, answer=answer, reason=REASON)
    assert decided.headers["Location"] == MEMBERS
    with parts.sessions() as session:
        change = session.scalars(select(PhoneChangeRow).where(PhoneChangeRow.id == day.change)).one()
    assert (change.state, change.reason) == (state, REASON)
    assert str(change.decided_by).startswith("staff:")
    page = officer.get(address).text
    assert 'name="answer"' not in page
    post(officer, address, "/dashboard/profile/", answer="accept", reason=REASON)
    with parts.sessions() as session:
        assert session.get_one(PhoneChangeRow, day.change).state == state


def test_a_decision_without_a_reason_is_not_taken(officer: FlaskClient, day: Day, parts: Services) -> None:
    address = f"{MEMBERS}changes/{day.change}"
    post(officer, address, answer="accept", reason="ok")
    assert "A decision needs a reason" in officer.get(address).text
    with parts.sessions() as session:
        assert session.get_one(PhoneChangeRow, day.change).state == PhoneChangeState.STAFF


def test_a_decision_is_one_of_two(officer: FlaskClient, day: Day) -> None:
    address = f"{MEMBERS}changes/{day.change}"
    assert post(officer, address, answer="perhaps", reason=REASON).status_code == 400


def test_an_auditor_sees_a_change_and_does_not_decide(
    as_role: Callable[[str], FlaskClient], day: Day
) -> None:
    page = as_role("auditor").get(f"{MEMBERS}changes/{day.change}").text
    assert 'value="accept"' not in page


def test_what_is_no_member_and_no_change_is_not_found(officer: FlaskClient) -> None:
    assert officer.get(f"{MEMBERS}{uuid.uuid4()}").status_code == 404
    assert officer.get(f"{MEMBERS}changes/{uuid.uuid4()}").status_code == 404
    assert post(officer, f"{MEMBERS}{uuid.uuid4()}/unmask", MEMBERS, reason=REASON).status_code == 404


def test_what_one_member_paid_for_another_is_marked_on_both_pages(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    receipt = day.receipts[1]
    payer = next(member for member in day.members if member != receipt.member_id)
    numbers = dict(zip(day.members, day.numbers, strict=False))
    with parts.sessions.begin() as session:
        asked = session.scalars(select(Contribution).where(Contribution.receipt_id == receipt.id)).one()
        asked.period, asked.asked_by = "2026-10", payer
    assert receipt.member_id is not None

    def row_on_page_of(member: uuid.UUID) -> str:
        page = officer.get(f"{MEMBERS}{member}").text
        return " ".join(page.split(f"<code>{receipt.receipt}</code>")[1].split("</th>")[0].split())

    for seen_by, other, words in ((payer, receipt.member_id, "for"), (receipt.member_id, payer, "paid by")):
        number = numbers[other]
        link = f'<a href="{MEMBERS}{other}">{number[:3]} {number[3:6]} {number[6:]}</a>'
        row = row_on_page_of(seen_by)
        assert f"{words} {link}" in row
        assert "counts for October 2026" in row


PIN = "4821"


@pytest.fixture
def pin_address(day: Day, parts: Services) -> str:
    """Where the first member's PIN is let be chosen; they have one."""
    with parts.sessions.begin() as session:
        parts.members.pins.set(session, day.members[0], f"$argon2id$of {PIN}")
    return f"{MEMBERS}{day.members[0]}/pin"


def pin_news(parts: Services) -> list[str]:
    with parts.sessions() as session:
        payloads = session.scalars(select(OutboxRow.payload).where(OutboxRow.topic == "message"))
        return [str(payload["template"]) for payload in payloads if "pin" in payload["template"]]


def test_staff_let_a_member_choose_a_new_pin_once_with_a_reason(
    officer: FlaskClient, day: Day, parts: Services, pin_address: str
) -> None:
    page = f"{MEMBERS}{day.members[0]}"
    assert "Has a PIN" in officer.get(page).text
    assert post(officer, pin_address, page, answer="allow", reason="forgot").status_code == 302
    assert "reason of at least" in officer.get(page).text
    assert entries(parts, "pin.allowed") == []
    assert post(officer, pin_address, page, answer="allow", reason=REASON).headers["Location"] == page
    allowed = officer.get(page).text
    assert "The old PIN opens nothing any more" in allowed
    assert "May choose a new PIN until" in allowed
    assert 'datetime="2026-11-23T' in allowed
    post(officer, pin_address, page, answer="allow", reason=REASON)
    assert "Nothing was changed" in officer.get(page).text
    (entry,) = entries(parts, "pin.allowed")
    assert (entry.subject, entry.reason) == (str(day.members[0]), REASON)
    assert entry.actor.startswith("staff:")
    assert pin_news(parts) == ["pin_allowed"]
    with parts.sessions.begin() as session:
        assert isinstance(parts.members.pins.check(session, day.members[0], PIN), Locked)


def test_staff_take_the_choice_of_a_pin_back(
    officer: FlaskClient, day: Day, parts: Services, pin_address: str
) -> None:
    page = f"{MEMBERS}{day.members[0]}"
    post(officer, pin_address, page, answer="withdraw", reason=REASON)
    assert "Nothing was changed" in officer.get(page).text
    post(officer, pin_address, page, answer="allow", reason=REASON)
    post(officer, pin_address, page, answer="withdraw", reason=REASON)
    assert "Has no PIN" in officer.get(page).text
    assert len(entries(parts, "pin.withdrawn")) == 1
    assert post(officer, pin_address, page, answer="set 1234", reason=REASON).status_code == 400


def test_a_pin_that_wrong_tries_have_locked_says_until_when(
    officer: FlaskClient, day: Day, parts: Services, pin_address: str
) -> None:
    page = f"{MEMBERS}{day.members[0]}"
    until = parts.clock.now() + timedelta(minutes=LOCK_MINUTES)
    with parts.sessions.begin() as session:
        session.get_one(PinRow, day.members[0]).locked_until = until
    locked = officer.get(page).text
    assert "PIN locked until" in locked
    assert f"{parts.calendar.local(until):%H:%M}" in locked.split("PIN locked until")[1][:120]
    assert "Has a PIN" not in locked
    assert "argon2" not in locked
    turn(parts, timedelta(minutes=LOCK_MINUTES + 1))
    sign_in(officer, "officer@fund.example")
    assert "Has a PIN" in officer.get(page).text


def test_no_pin_is_typed_or_seen_by_staff(officer: FlaskClient, day: Day, pin_address: str) -> None:
    page = officer.get(f"{MEMBERS}{day.members[0]}").text
    assert PIN not in without_random(page)
    assert "argon2" not in page
    assert re.findall(
        r'<input[^>]*name="([^"]+)"', page.split('action="' + pin_address)[1].split("</form>")[0]
    ) == [
        "csrf_token",
        "reason",
    ]


def test_an_auditor_sees_whether_there_is_a_pin_and_lets_nobody_choose(
    as_role: Callable[[str], FlaskClient], day: Day, parts: Services, pin_address: str
) -> None:
    auditor = as_role("auditor")
    page = auditor.get(f"{MEMBERS}{day.members[0]}").text
    assert "Has a PIN" in page
    assert 'value="allow"' not in page
    profile = "/dashboard/profile/"
    assert post(auditor, pin_address, profile, answer="allow", reason=REASON).status_code == 403
    assert entries(parts, "pin.allowed") == []


def test_nobody_chooses_a_pin_for_a_closed_membership(
    officer: FlaskClient, day: Day, parts: Services, pin_address: str
) -> None:
    page = f"{MEMBERS}{day.members[0]}"
    with parts.sessions.begin() as session:
        session.get_one(MemberRow, day.members[0]).status = Status.CLOSED
    assert 'value="allow"' not in officer.get(page).text
    post(officer, pin_address, page, answer="allow", reason=REASON)
    assert entries(parts, "pin.allowed") == []
