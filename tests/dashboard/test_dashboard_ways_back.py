"""Ways back: to the page of a form after a session ended, and from an address that was only pressed."""

import uuid
from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import func, select

from core.audit import AuditEntry
from dashboard.services import Services
from payments.suspense.tables import Decision
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import PASSWORD, post, token_in, turn
from tests.dashboard.test_dashboard_unmask import a_message

HOST = "http://localhost"
ENDED = "Your session had ended; nothing was done."


def test_who_sends_a_form_after_the_session_ended_is_told_and_brought_back(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    page = f"/dashboard/exceptions/{day.breaks['suspense']}"
    came_from = {"Referer": f"{HOST}{page}"}
    fields = {"csrf_token": token_in(officer.get(page).text), "key": str(uuid.uuid4()), "choice": "explain"}
    turn(parts, parts.idle_for + timedelta(seconds=1))
    note = f"/dashboard/work/break/{day.breaks['suspense']}/note"
    answer = officer.post(note, data=fields | {"text": "they call back"}, headers=came_from)
    door = officer.get(answer.headers["Location"])
    assert ENDED in door.text
    fields = {"csrf_token": token_in(door.text), "email": "officer@fund.example", "password": PASSWORD}
    entered = officer.post(answer.headers["Location"], data=fields)
    assert entered.headers["Location"] == page
    with parts.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 0


def test_nobody_is_brought_to_another_site_or_to_what_only_takes_forms(client: FlaskClient) -> None:
    month, page = "/dashboard/closings/2026-10/close", f"/dashboard/exceptions/{uuid.uuid4()}"

    def way_back(address: str, came_from: str) -> str:
        return client.post(address, headers={"Referer": came_from}).headers["Location"]

    door = "/dashboard/sign-in"
    assert way_back(month, f"{HOST}/dashboard/closings/") == f"{door}?next=/dashboard/closings/"
    assert way_back(month, f"{HOST}/dashboard/exceptions/?kind=suspense").endswith("?kind%3Dsuspense")
    for elsewhere in (
        "https://evil.example/dashboard/",
        "//evil.example",
        "",
        f"{HOST}/elsewhere",
        "http://[",
    ):
        assert way_back(month, elsewhere) == door
    for no_page in (f"{HOST}{month}", f"{HOST}{door}", f"{HOST}/dashboard/no/such/page"):
        assert way_back(month, no_page) == door
    assert way_back(page, "") == f"{door}?next={page}"
    assert ENDED in client.get(door).text
    assert client.post("/dashboard/sign-out").headers["Location"] == door
    client.post(f"/dashboard/work/here/{uuid.uuid4()}", headers={"X-Kibaba-By-Itself": "1"})
    assert ENDED not in client.get(door).text


def test_what_was_shown_in_full_opened_again_is_its_page(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    for page in (f"/dashboard/members/{day.members[0]}", f"/dashboard/suspense/{day.receipts[17].id}"):
        assert officer.get(f"{page}/unmask").headers["Location"] == page
    assert officer.get(f"/dashboard/inbox/{uuid.uuid4()}/unmask").headers["Location"] == "/dashboard/inbox/"


def test_a_message_called_answered_can_be_opened_again(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    message = f"/dashboard/inbox/{a_message(parts)}"
    inbox, answered = "/dashboard/inbox/", "/dashboard/inbox/answered"
    profile = "/dashboard/profile/"
    assert post(officer, f"{message}/open", form_on=profile).status_code == 404
    assert f'href="{answered}"' in officer.get(inbox).text
    assert "Nilituma" not in officer.get(answered).text
    post(officer, message, form_on=inbox)
    page = officer.get(answered).text
    assert "Nilituma pesa jana" in page
    assert "Amina Officer" in page
    assert "22 Nov 2026, 12:00:00" in page
    assert "733000111" not in page
    for said in ("It waits to be read again", "Nothing was changed"):
        assert post(officer, f"{message}/open", form_on=answered).headers["Location"] == answered
        assert said in officer.get(answered).text
    assert "Nilituma" not in officer.get(answered).text
    assert "Nilituma" in officer.get(inbox).text
    post(officer, message, form_on=inbox)
    assert officer.get(answered).text.count("Nilituma") == 1
    assert post(officer, f"{inbox}{uuid.uuid4()}/open", form_on=profile).status_code == 404
    with parts.sessions() as session:
        acts = select(AuditEntry.action).where(AuditEntry.subject == message.rsplit("/", 1)[1])
        assert list(session.scalars(acts.order_by(AuditEntry.number))) == [
            "inbox.answered",
            "inbox.reopened",
            "inbox.answered",
        ]
