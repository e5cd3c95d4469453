"""A decision that was not done comes back as typed, with the fault named; and what is said of one done."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from dashboard.services import Services
from payments.receipts.service import reverse
from payments.receipts.tables import Receipt
from payments.registry_postings.tables import RegistryPosting
from payments.suspense.tables import Decision
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import token_in
from tests.dashboard.test_dashboard_work import LIST, REASON, count, fields_of, saved, suspended

AsRole = Callable[[str], FlaskClient]


def send(client: FlaskClient, address: str, **typed: str) -> TestResponse:
    """What the decision form on a page sends, to the page itself."""
    return client.post(address, data=fields_of(client.get(address).text) | typed)


def chosen(page: str) -> list[str]:
    return re.findall(r'name="choice" value="([^"]+)" checked', page)


@pytest.fixture
def address(day: Day) -> str:
    return f"/dashboard/suspense/{suspended(day).id}"


def test_what_was_mistyped_stands_there_to_be_put_right(
    officer: FlaskClient, address: str, parts: Services
) -> None:
    answer = send(officer, address, choice="match", number="400 000 009")
    assert answer.status_code == 400
    assert 'role="alert" id="refused"' in answer.text
    assert "No member has this number" in answer.text
    assert chosen(answer.text) == ["match"]
    assert re.search(r'name="number" value="400 000 009"[^>]* aria-invalid="true"', answer.text)
    assert f">{REASON}</textarea>" in answer.text
    assert count(parts) == 0


def test_a_short_reason_stands_there_with_its_fault(officer: FlaskClient, address: str) -> None:
    answer = send(officer, address, choice="refund", reason="<b>no")
    assert answer.status_code == 400
    assert chosen(answer.text) == ["refund"]
    assert re.search(r'<textarea[^>]* aria-invalid="true"[^>]*>&lt;b&gt;no</textarea>', answer.text)


def test_what_does_not_fit_the_facts_is_a_conflict(officer: FlaskClient, address: str, day: Day) -> None:
    assert send(officer, address, choice="refund").status_code == 302
    answer = send(officer, address, choice="refund")
    assert answer.status_code == 409
    assert "The money is there already" in answer.text
    assert f">{REASON}</textarea>" in answer.text
    assert re.search(r"<h1>Whose is \w+\?</h1>", answer.text)


def test_a_difference_keeps_what_was_typed_too(officer: FlaskClient, day: Day) -> None:
    address = f"{LIST}{day.breaks['amount_differs']}"
    answer = send(officer, address, choice="match", number=day.numbers[0][:-1])
    assert answer.status_code == 400
    assert chosen(answer.text) == ["match"]
    assert f">{REASON}</textarea>" in answer.text
    assert send(officer, address, choice="explain").headers["Location"] == address


def test_a_number_alone_chooses_its_member(
    officer: FlaskClient, address: str, day: Day, parts: Services
) -> None:
    before = saved(parts, day.members[0])
    assert "required" not in re.findall(r'<input type="radio"[^>]*>', officer.get(address).text)[0]
    assert send(officer, address, number=day.numbers[0]).status_code == 302
    assert saved(parts, day.members[0]) == before + suspended(day).amount_cents


def test_a_mistyped_number_alone_keeps_its_choice(officer: FlaskClient, address: str) -> None:
    answer = send(officer, address, number="400000009")
    assert answer.status_code == 400
    assert chosen(answer.text) == ["match"]


@pytest.mark.parametrize("choice", ["refund", "match:member"])
def test_a_number_beside_another_choice_is_asked_about(
    officer: FlaskClient, address: str, day: Day, parts: Services, choice: str
) -> None:
    choice = choice.replace("member", str(day.members[1]))
    answer = send(officer, address, choice=choice, number=day.numbers[0])
    assert answer.status_code == 400
    assert "Keep one of the two" in answer.text
    assert f'name="number" value="{day.numbers[0]}"' in answer.text
    assert count(parts) == 0


def test_nothing_chosen_is_said_and_the_reason_kept(officer: FlaskClient, address: str) -> None:
    answer = send(officer, address)
    assert answer.status_code == 400
    assert "Choose what to do" in answer.text
    assert chosen(answer.text) == []
    assert f">{REASON}</textarea>" in answer.text


def test_an_undoing_that_was_refused_stands_open_with_its_reason(
    officer: FlaskClient, address: str, day: Day, parts: Services
) -> None:
    send(officer, address, choice="refund")
    send(officer, address, choice="match", number=day.numbers[0])
    with parts.sessions() as session:
        refund = session.scalars(select(Decision).where(Decision.act == "refund")).one()
    answer = send(officer, address, choice=f"undo:{refund.id}", reason="it was the wrong one")
    assert answer.status_code == 409
    decisions = answer.text.split('id="decisions"')[1]
    assert "Undo the later decision first" in decisions
    assert decisions.count('<details class="act" open>') == 1
    assert 'value="it was the wrong one"' in decisions
    assert "Undo the later decision first" not in answer.text.split('id="decisions"')[0]
    assert chosen(answer.text) == []


def test_while_a_second_person_is_asked_the_fault_is_still_named(
    officer: FlaskClient, address: str, parts: Services
) -> None:
    object.__setattr__(parts, "four_eyes_above_cents", 100)
    late = fields_of(officer.get(address).text)
    assert send(officer, address, choice="refund").status_code == 302
    answer = officer.post(address, data=late | {"choice": "suspend", "key": late["key"][:-4] + "0000"})
    assert answer.status_code == 409
    assert 'id="refused"' in answer.text
    assert "waits for a second person" in answer.text


def test_posting_again_and_explaining_speak_of_no_ledger(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    address = f"{LIST}{day.breaks['not_acknowledged']}"
    with parts.sessions() as session:
        assert session.get(RegistryPosting, day.receipts[33].id)
    assert send(officer, address, choice="repost").status_code == 302
    page = officer.get(address).text
    assert "The registry is told again" in page
    assert "ledger and the audit trail" not in page
    send(officer, address, choice="explain")
    page = officer.get(address).text
    assert "Settled with your reason. No money was moved" in page
    undo = re.search(r'value="(undo:[^"]+)"', page)
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert undo
    assert key
    fields = {"csrf_token": token_in(page), "key": key[1], "choice": undo[1], "reason": REASON}
    officer.post(address, data=fields)
    page = officer.get(address).text
    assert "The difference is open again" in page
    assert "ledger and the audit trail" not in page


def bulk(client: FlaskClient, act: str, *ticked: object) -> str:
    page = client.get(LIST).text
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    data = {"csrf_token": token_in(page), "key": key[1], "act": act, "reason": REASON}
    data |= {"break": [str(each) for each in ticked]}
    return client.post("/dashboard/work/several", data=data, follow_redirects=True).text


@pytest.mark.parametrize("act", ["take", "explain"])
def test_with_nothing_ticked_nothing_is_called_done(officer: FlaskClient, day: Day, act: str) -> None:
    page = bulk(officer, act)
    assert re.search(r'<p class="fault flash"[^>]*>.*Nothing was ticked', page)
    assert "0 differences" not in page


def test_what_was_taken_already_is_not_taken_twice(officer: FlaskClient, day: Day) -> None:
    taken = day.breaks["amount_differs"]
    assert "1 difference is in your hands." in bulk(officer, "take", taken)
    again = bulk(officer, "take", taken)
    assert "1 stays as it was" in again
    assert "done." not in again.split('<p class="fault flash"')[1].split("</p>")[0]
    assert "in your hands." not in again


def test_a_payment_leads_whoever_may_to_its_decision(as_role: AsRole, day: Day) -> None:
    officer, auditor = as_role("officer"), as_role("auditor")
    for place in (0, 17):
        page, link = f"/dashboard/payments/{day.receipts[place].id}", "Decide or correct"
        assert link in officer.get(page).text
        assert f'href="/dashboard/suspense/{day.receipts[place].id}"' in officer.get(page).text
        assert link not in auditor.get(page).text
    assert "Decide or correct" not in officer.get(f"/dashboard/payments/{day.wish}").text


def test_the_decision_about_credited_money_names_whose_it_is(officer: FlaskClient, day: Day) -> None:
    receipt, number = day.receipts[0], day.numbers[0]
    page = officer.get(f"/dashboard/suspense/{receipt.id}").text
    assert f"<h1>Payment {receipt.receipt}</h1>" in page
    assert "With a member" in page
    assert f"{number[:3]} {number[3:6]} {number[6:]}</a>" in page


def test_a_payment_that_was_taken_back_leads_nowhere(officer: FlaskClient, day: Day, parts: Services) -> None:
    now = parts.clock.now()
    with parts.sessions.begin() as session:
        reverse(session, session.get_one(Receipt, day.receipts[17].id), occurred_at=now, now=now)
    assert "Decide or correct" not in officer.get(f"/dashboard/payments/{day.receipts[17].id}").text
