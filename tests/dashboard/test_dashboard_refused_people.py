"""What was decided about a person and not done comes back as typed, or quoted where its form is no more."""

import re
import uuid
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from dashboard.services import Services
from members.model import NoticeKind, Status
from members.tables import MemberRow
from payments.merging.tables import PairDecision
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import token_in
from tests.dashboard.test_dashboard_duplicates import LIST as PAIRS
from tests.dashboard.test_dashboard_duplicates import a_case
from tests.dashboard.test_dashboard_notices import LIST as NOTICES
from tests.dashboard.test_dashboard_notices import told
from tests.dashboard.test_dashboard_work import fields_of

AsRole = Callable[[str], FlaskClient]
REASON = "both papers were shown <b>here</b>"
SHOWN = "both papers were shown &lt;b&gt;here&lt;/b&gt;"


@pytest.fixture
def case(parts: Services, day: Day) -> uuid.UUID:
    return a_case(parts, day)


def send(client: FlaskClient, address: str, form_on: str, **typed: str) -> TestResponse:
    return client.post(address, data=fields(client.get(form_on).text) | typed)


def fields(page: str) -> dict[str, str]:
    """What a form on the page sends besides what is typed; only pairs have the key of a click."""
    return fields_of(page) if 'name="key"' in page else {"csrf_token": token_in(page), "reason": REASON}


def ticked(page: str) -> list[str]:
    return re.findall(r'<input type="radio"[^>]* value="([^"]+)"[^>]* checked>', page)


def is_named(answer: TestResponse, status: int, fault: str) -> bool:
    return answer.status_code == status and fault in answer.text.split('role="alert" id="refused"')[1]


def test_a_short_reason_about_a_pair_keeps_the_choice(
    officer: FlaskClient, case: uuid.UUID, day: Day
) -> None:
    choice = f"merge:{day.members[1]}"
    answer = send(officer, f"{PAIRS}{case}", f"{PAIRS}{case}", choice=choice, reason="<same>")
    assert is_named(answer, 400, "at least ten characters")
    assert ticked(answer.text) == [choice]
    assert re.search(
        r'<textarea id="reason"[^>]* aria-invalid="true"[^>]*>&lt;same&gt;</textarea>', answer.text
    )


def test_a_decision_about_a_pair_that_was_decided_meanwhile_is_quoted(
    officer: FlaskClient, case: uuid.UUID
) -> None:
    late = fields(officer.get(f"{PAIRS}{case}").text)
    send(officer, f"{PAIRS}{case}", f"{PAIRS}{case}", choice="different")
    answer = officer.post(f"{PAIRS}{case}", data=late | {"choice": "different", "reason": REASON})
    assert is_named(answer, 409, "You typed:")
    assert f"<q>{SHOWN}</q>" in answer.text


def test_a_checker_who_gives_no_reason_goes_on_where_they_were(
    as_role: AsRole, case: uuid.UUID, day: Day, parts: Services
) -> None:
    object.__setattr__(parts, "four_eyes_above_cents", 100)
    officer, checker = as_role("officer"), as_role("checker")
    send(officer, f"{PAIRS}{case}", f"{PAIRS}{case}", choice=f"merge:{day.members[0]}")
    with parts.sessions() as session:
        proposal = session.scalars(select(PairDecision)).one()
    address, seen = f"{PAIRS}{case}/check/{proposal.id}", checker.get(f"{PAIRS}{case}").text
    typed = {"csrf_token": token_in(seen), "answer": "approve"}
    answer = checker.post(address, data=typed | {"reason": "yes <i>"})
    assert is_named(answer, 400, "at least ten characters")
    assert re.search(r'<textarea id="checker-reason"[^>]*>yes &lt;i&gt;</textarea>', answer.text)
    assert checker.post(address, data=typed | {"reason": REASON}).status_code == 302
    assert is_named(checker.post(address, data=typed | {"reason": REASON}), 409, f"<q>{SHOWN}</q>")


def test_a_review_keeps_its_answer_and_its_reason(officer: FlaskClient, day: Day, parts: Services) -> None:
    address = f"/dashboard/reviews/{day.members[4]}"
    answer = send(officer, address, address, status="closed", reason="short")
    assert is_named(answer, 400, "at least ten characters")
    assert ticked(answer.text) == ["closed"]
    assert ">short</textarea>" in answer.text
    late = fields(officer.get(address).text) | {"status": "active", "reason": REASON}
    assert send(officer, address, address, status="closed", reason=REASON).status_code == 302
    over = officer.post(address, data=late)
    assert is_named(over, 409, f"<q>{SHOWN}</q>")
    assert "Somebody decided this already" in over.text
    with parts.sessions() as session:
        assert session.get_one(MemberRow, day.members[4]).status == Status.CLOSED


def test_a_notice_keeps_its_reason_beside_itself(officer: FlaskClient, day: Day, parts: Services) -> None:
    notice = told(parts, day, NoticeKind.DEATH, Status.DECEASED)
    answer = send(officer, f"{NOTICES}{notice}", NOTICES, answer="wrong", reason="short")
    assert is_named(answer, 400, "at least ten characters")
    article = answer.text.split("<article")[1]
    assert 'id="refused"' in article
    assert ">short</textarea>" in article
    late = fields(answer.text) | {"answer": "wrong", "reason": REASON}
    assert send(officer, f"{NOTICES}{notice}", NOTICES, answer="confirmed", reason=REASON).status_code == 302
    assert is_named(officer.post(f"{NOTICES}{notice}", data=late), 409, f"<q>{SHOWN}</q>")
