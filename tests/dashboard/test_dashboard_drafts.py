"""What was typed for one thing stays on the page when another is pressed, and when nothing was ticked."""

import re
import uuid
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from markupsafe import escape
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from core.phone import PhoneNumber
from dashboard.services import Services
from payments.particulars import Particulars
from payments.reconciliation.tables import BreakNote
from payments.suspense.tables import Decision
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import token_in

LIST = "/dashboard/exceptions/"
REASON = "the payer came to the office with the SMS and the agent's slip"
NOTE = "the agent's name is in the book"


def found(day: Day) -> uuid.UUID:
    return day.breaks["amount_differs"]


def press(client: FlaskClient, day: Day, button: str, **typed: str) -> TestResponse:
    """Press a button of the page of a difference, as a browser does: every field of its form comes along."""
    page = client.get(f"{LIST}{found(day)}").text
    [shown] = re.findall(rf'<button[^>]*form="decision"[^>]*>{button}</button>', page)
    action = re.search(r'formaction="([^"]+)"', shown)
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert action
    assert key
    return client.post(action[1], data={"csrf_token": token_in(page), "key": key[1], **typed})


def kept(parts: Services, row: type[BreakNote | Decision]) -> int:
    with parts.sessions() as session:
        return session.scalar(select(func.count()).select_from(row)) or 0


def reason_shown(page: str) -> str:
    shown = re.search(r'<textarea id="reason"[^>]*>([^<]*)<', page)
    assert shown
    return shown[1]


@pytest.mark.parametrize("button", ["Take", "Write"])
def test_a_reason_stays_when_something_else_is_pressed(
    officer: FlaskClient, day: Day, parts: Services, button: str
) -> None:
    answer = press(officer, day, button, reason=REASON, choice="explain", number="", text=NOTE)
    assert answer.status_code == 200
    assert reason_shown(answer.text) == str(escape(REASON))
    assert re.search(r'value="explain" checked', answer.text)
    assert 'id="refused"' not in answer.text
    assert kept(parts, Decision) == 0
    is_written = button == "Write"
    assert kept(parts, BreakNote) == is_written
    [note] = re.findall(r'<input id="note"[^>]* value="([^"]*)"', answer.text)
    assert (note == "") == is_written
    assert ("Give back" in answer.text) != is_written


def test_a_note_stays_when_the_decision_is_pressed(officer: FlaskClient, day: Day, parts: Services) -> None:
    address = f"{LIST}{found(day)}"
    page = officer.get(address).text
    fields = {"csrf_token": token_in(page), "key": str(uuid.uuid4()), "text": NOTE}
    refused = officer.post(address, data=fields | {"choice": "explain", "reason": "short"})
    assert refused.status_code == 400
    assert str(escape(NOTE)) in refused.text
    object.__setattr__(parts, "four_eyes_above_cents", 10**9)
    for _ in range(2):
        done = officer.post(address, data=fields | {"choice": "explain", "reason": REASON})
        assert str(escape(NOTE)) in done.text
    assert kept(parts, Decision) == 1
    assert kept(parts, BreakNote) == 0


def test_a_note_that_is_sent_twice_is_one(officer: FlaskClient, day: Day, parts: Services) -> None:
    for words in (NOTE, NOTE, "and the agent's telephone too", NOTE):
        press(officer, day, "Write", text=words, reason=REASON)
    assert kept(parts, BreakNote) == 3


def test_with_nothing_else_typed_the_page_is_gone_to(officer: FlaskClient, day: Day) -> None:
    address = f"{LIST}{found(day)}"
    assert press(officer, day, "Take").headers["Location"] == address
    assert press(officer, day, "Write", text=NOTE).headers["Location"] == f"{address}#notes"


def test_what_was_pressed_opened_again_is_its_page(officer: FlaskClient, day: Day) -> None:
    for act in ("hand", "note"):
        again = officer.get(f"/dashboard/work/break/{found(day)}/{act}")
        assert again.headers["Location"] == f"{LIST}{found(day)}"
    assert officer.get("/dashboard/work/several").headers["Location"] == LIST


def test_a_note_is_written_where_nothing_can_be_decided(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    address = f"{LIST}{found(day)}"
    object.__setattr__(parts, "four_eyes_above_cents", 0)
    fields = {"csrf_token": token_in(officer.get(address).text), "key": str(uuid.uuid4())}
    officer.post(address, data=fields | {"choice": "suspend", "reason": REASON})
    page = officer.get(address).text
    assert "waits for a second person" in page
    assert page.count('id="decision"') == 1
    token = {"csrf_token": token_in(page)}
    answer = officer.post(f"/dashboard/work/break/{found(day)}/note", data=token | {"text": NOTE})
    assert answer.status_code == 302
    assert kept(parts, BreakNote) == 1


def bulk(client: FlaskClient, act: str, *ticked: object, reason: str) -> TestResponse:
    listed = f"{LIST}?sort=risk"
    page = client.get(listed).text
    key = re.search(r'name="key" value="([^"]+)"', page)
    back = re.search(r'name="back" value="([^"]+)"', page)
    assert key
    assert back
    data = {"csrf_token": token_in(page), "key": key[1], "act": act, "back": back[1].replace("&amp;", "&")}
    return client.post(
        "/dashboard/work/several", data=data | {"reason": reason, "break": [str(each) for each in ticked]}
    )


def test_a_reason_stays_in_the_list_when_nothing_was_ticked(officer: FlaskClient, day: Day) -> None:
    answer = bulk(officer, "explain", reason=REASON)
    assert answer.status_code == 400
    assert "Nothing was ticked" in answer.text
    assert f'value="{escape(REASON)}"' in answer.text
    assert '<input type="hidden" name="sort" value="risk">' in answer.text
    # From the address of what was refused, too, the filter leads to the list.
    assert f'<form method="get" action="{LIST}" class="row filters">' in answer.text


def test_a_reason_that_is_too_short_stays_with_what_was_ticked(officer: FlaskClient, day: Day) -> None:
    answer = bulk(officer, "explain", found(day), reason="short")
    assert answer.status_code == 400
    assert 'name="reason" value="short"' in answer.text
    assert re.findall(r'value="([0-9a-f-]{36})"[^>]* checked', answer.text) == [str(found(day))]


@pytest.mark.parametrize(("why", "status"), [("they were promised a call", 200), ("short", 400)])
def test_a_decision_stays_as_typed_when_the_payer_is_shown_in_full(
    officer: FlaskClient, day: Day, parts: Services, why: str, status: int
) -> None:
    receipt = day.receipts[17]
    address = f"/dashboard/suspense/{receipt.id}"
    page = officer.get(address).text
    assert 'name="unmask_reason"' in page
    assert re.search(rf'form="decision" formaction="{address}/unmask" formnovalidate', page)
    typed = {"choice": "match", "number": day.numbers[1], "reason": REASON, "unmask_reason": why}
    answer = officer.post(f"{address}/unmask", data={"csrf_token": token_in(page)} | typed)
    assert answer.status_code == status
    payer = PhoneNumber(Particulars.from_json(receipt.particulars).payer)
    assert (payer.e164 in answer.text) == (status == 200)
    assert ("Give a reason of at least 10 characters" in answer.text) == (status == 400)
    assert reason_shown(answer.text) == str(escape(REASON))
    assert re.search(r'value="match" checked', answer.text)
    assert f'name="number" value="{day.numbers[1]}"' in answer.text
    assert 'id="refused"' not in answer.text
    assert kept(parts, Decision) == 0


@pytest.mark.parametrize("role", ["auditor", "officer"])
def test_where_nothing_is_decided_the_payer_is_shown_by_a_form_of_its_own(
    as_role: Callable[[str], FlaskClient], day: Day, parts: Services, role: str
) -> None:
    receipt = day.receipts[17]
    address = f"/dashboard/suspense/{receipt.id}"
    object.__setattr__(parts, "four_eyes_above_cents", 0)
    maker = as_role("supervisor")
    fields = {"csrf_token": token_in(maker.get(address).text), "key": str(uuid.uuid4()), "reason": REASON}
    maker.post(address, data=fields | {"choice": "refund"})
    page = as_role(role).get(address).text
    assert f'<form method="post" action="{address}/unmask">' in page
    assert 'name="unmask_reason" minlength="10"' in page
    assert 'form="decision"' not in page


def test_a_reason_stays_in_the_list_when_the_ticked_ones_are_taken(officer: FlaskClient, day: Day) -> None:
    answer = bulk(officer, "take", found(day), reason=REASON)
    assert answer.status_code == 200
    assert "1 difference is in your hands." in answer.text
    assert str(escape(REASON)) in answer.text
