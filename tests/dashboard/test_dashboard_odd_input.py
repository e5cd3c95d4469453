"""What no keyboard types is no fault of ours: said, found or not found, and nothing typed is lost."""

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from core.reasons import on_one_line
from dashboard.services import Services
from payments.reconciliation.tables import BreakNote
from payments.suspense.tables import Decision
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import token_in
from tests.dashboard.test_dashboard_reading import acts
from tests.dashboard.test_dashboard_work import suspended

AsRole = Callable[[str], FlaskClient]

ODD = "the payer\x00called\x07 and\r\nsaid so"
KEPT = "the payer called and said so"


@pytest.fixture
def supervisor(as_role: AsRole) -> FlaskClient:
    return as_role("supervisor")


def post(client: FlaskClient, address: str, **fields: str) -> int:
    token = token_in(client.get("/dashboard/profile/").text)
    return client.post(f"/dashboard/{address}", data={"csrf_token": token, **fields}).status_code


def place(value: Any) -> str:
    """A cursor that no list of ours has made."""
    return base64.urlsafe_b64encode(json.dumps([value, str(uuid.uuid4())]).encode()).decode().rstrip("=")


def test_what_was_typed_is_kept_on_one_line_without_what_shows_as_nothing() -> None:
    assert on_one_line(ODD) == KEPT
    assert on_one_line("\u202e  \x00\ud800\n") == ""
    assert on_one_line("Wanjikũ, 1 200 - ndiyo 🙂") == "Wanjikũ, 1 200 - ndiyo 🙂"


def test_a_reason_may_hold_any_character(supervisor: FlaskClient, day: Day, parts: Services) -> None:
    receipt, found = suspended(day), day.breaks["amount_differs"]
    key = str(uuid.uuid4())
    assert post(supervisor, f"suspense/{receipt.id}", key=key, choice="refund", reason=ODD) == 302
    assert post(supervisor, f"suspense/{receipt.id}/unmask", unmask_reason=ODD) == 200
    assert acts(parts)[-1].reason == KEPT
    key = str(uuid.uuid4())
    assert post(supervisor, f"exceptions/{found}", key=key, choice="explain", reason=ODD) == 302
    several = {"key": str(uuid.uuid4()), "act": "explain", "break": str(day.breaks["suspense"])}
    assert post(supervisor, "work/several", reason=ODD, **several) == 409
    assert post(supervisor, "closings/2026-11-21/close", reason=ODD) == 302
    with parts.sessions() as session:
        assert set(session.scalars(select(Decision.reason))) == {KEPT}


def test_a_refused_decision_comes_back_as_it_can_be_read(supervisor: FlaskClient, day: Day) -> None:
    page = supervisor.get(f"/dashboard/suspense/{suspended(day).id}").text
    data = {"csrf_token": token_in(page), "key": str(uuid.uuid4()), "choice": "", "reason": ODD}
    answer = supervisor.post(f"/dashboard/suspense/{suspended(day).id}", data=data)
    assert answer.status_code == 400
    assert KEPT in answer.text
    assert "\x00" not in answer.text


def test_a_note_may_hold_any_character_and_is_about_something(
    supervisor: FlaskClient, day: Day, parts: Services
) -> None:
    found = day.breaks["suspense"]
    assert post(supervisor, f"work/break/{found}/note", text=ODD) == 302
    assert post(supervisor, f"work/break/{uuid.uuid4()}/note", text=ODD) == 404
    assert post(supervisor, f"work/break/{found}/note", text="\x00\x01 ") == 302
    with parts.sessions() as session:
        assert list(session.scalars(select(BreakNote.text))) == [KEPT]


@pytest.mark.parametrize("month", ["9999-12", "1999-12", "2100-01", "0001-01", "0000-00"])
def test_a_month_of_another_century_is_no_month(supervisor: FlaskClient, month: str) -> None:
    assert post(supervisor, f"closings/{month}/close") == 302
    assert "That is no month" in supervisor.get("/dashboard/closings/").text


@pytest.mark.parametrize("day_text", ["0001-01-01", "1999-12-31", "9999-12-31"])
def test_a_day_of_another_century_is_not_found(supervisor: FlaskClient, day_text: str) -> None:
    assert supervisor.get(f"/dashboard/closings/{day_text}").status_code == 404
    assert supervisor.get(f"/dashboard/closings/{day_text}/proof.csv").status_code == 404
    assert post(supervisor, f"closings/{day_text}/close", reason=KEPT) == 404


@pytest.mark.parametrize(
    "value",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-11-22T10:00:00",
        "2026-11-22\x00",
        "yesterday",
        5,
        10**30,
        True,
        None,
    ],
)
@pytest.mark.parametrize("listed", ["payments/", "suspense/", "exceptions/"])
def test_a_place_that_no_list_has_is_refused(
    supervisor: FlaskClient, day: Day, listed: str, value: object
) -> None:
    assert supervisor.get(f"/dashboard/{listed}?after={place(value)}").status_code == 400


@pytest.mark.parametrize(("sort", "value"), [("risk", 10**30), ("risk", -(2**64)), ("kind", "\x00")])
def test_a_place_in_a_list_of_another_order_is_refused_too(
    supervisor: FlaskClient, day: Day, sort: str, value: object
) -> None:
    address = f"/dashboard/exceptions/?after={place(value)}&sort={sort}"
    assert supervisor.get(address).status_code == 400


@pytest.mark.parametrize(
    "asked",
    [
        "payments/?receipt=%00",
        "payments/?receipt=SFF%00%07",
        "audit/?subject=%00",
        "audit/?before=99999999999999999999999",
        "audit/?before=-1",
        "funnels/?network=%00&language=%00",
        "exceptions/?kind=%00",
        "exceptions/?day=0001-01-01",
        "exceptions/?day=9999-12-31",
        "exceptions/download.csv?day=9999-12-31",
        "funnels/?first=0001-01-01&last=9999-12-31",
        "reports/?month=0001-01",
        "reports/?month=9999-12",
    ],
)
def test_what_is_asked_for_by_an_odd_address_is_not_there(
    supervisor: FlaskClient, day: Day, asked: str
) -> None:
    assert supervisor.get(f"/dashboard/{asked}").status_code in {200, 400}


@pytest.mark.parametrize("name", ["email", "password"])
def test_a_sign_in_with_odd_characters_is_no_sign_in(client: FlaskClient, name: str) -> None:
    page = client.get("/dashboard/sign-in").text
    fields = {"csrf_token": token_in(page), "email": "a@example.org", "password": "x" * 12}
    answer = client.post("/dashboard/sign-in", data=fields | {name: "a\x00b@example.org"})
    assert answer.status_code < 500
