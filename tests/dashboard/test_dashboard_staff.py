"""Staff accounts in an administrator's hands: opened, changed, closed, helped back in; never locked out."""

import re
import uuid
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from core.audit import AuditEntry
from dashboard.services import Services
from dashboard.staff.keeping import NotToKeep, change_role, close_account
from dashboard.staff.model import Role
from dashboard.staff.second_factor import new_secret
from dashboard.staff.tables import Staff
from tests.dashboard.browsing import post, sign_in

AsRole = Callable[[str], FlaskClient]
REASON = "asked for by the head of operations"
STAFF = "/dashboard/staff/"


def account(parts: Services, email: str) -> Staff:
    with parts.sessions() as session:
        return session.scalars(select(Staff).where(Staff.email == email)).one()


def password_on(page: str) -> str:
    found = re.search(r"<code>([a-z0-9]{4}(?:-[a-z0-9]{4}){3})</code>", page)
    assert found, "no password on this page"
    return found[1]


def act(admin: FlaskClient, staff_id: uuid.UUID, name: str, reason: str = REASON, **fields: str) -> str:
    address = f"{STAFF}{staff_id}"
    form = admin.get(address).text
    if "csrf_token" not in form.split("<main")[1]:
        form = admin.get(STAFF).text
    token = re.findall(r'name="csrf_token" value="([^"]+)"', form)[-1]
    data = {"csrf_token": token, "act": name, "reason": reason, **fields}
    return admin.post(address, data=data, follow_redirects=True).text


def test_a_new_account_begins_with_a_password_that_must_be_changed(
    app: Flask, as_role: AsRole, parts: Services
) -> None:
    admin = as_role("admin")
    shown = post(admin, STAFF, email="Joyce@fund.example", name="Joyce Auma", role="officer")
    first = password_on(shown.text)
    browser = app.test_client()
    assert sign_in(browser, "joyce@fund.example", first).status_code == 302
    for part in ("exceptions/", "members/", "day/2026-11-22"):
        assert browser.get(f"/dashboard/{part}").headers["Location"] == "/dashboard/profile/"
    assert "Somebody else knows" in browser.get("/dashboard/profile/").text
    again = {"old": first, "new": first, "again": first}
    assert post(browser, "/dashboard/profile/password", "/dashboard/profile/", **again).status_code == 400
    own = {"old": first, "new": "mvua ya vuli", "again": "mvua ya vuli"}
    assert post(browser, "/dashboard/profile/password", "/dashboard/profile/", **own).status_code == 302
    assert browser.get("/dashboard/exceptions/").status_code == 200
    assert not account(parts, "joyce@fund.example").must_change_password


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"email": "officer@fund.example", "name": "Twice", "role": "officer"}, "already"),
        ({"email": "no address", "name": "Joyce", "role": "officer"}, "look at them again"),
        ({"email": "joyce@fund.example", "name": "Joyce", "role": "king"}, "look at them again"),
        ({"email": "joyce@fund.example", "name": " ", "role": "officer"}, "look at them again"),
    ],
)
def test_what_is_no_account_is_refused(
    as_role: AsRole, staff: Callable[[str], str], fields: dict[str, str], says: str
) -> None:
    staff("officer")
    answer = post(as_role("admin"), STAFF, **fields)
    assert answer.status_code == 400
    assert says in answer.text


def test_another_role_holds_at_once_and_ends_sessions(as_role: AsRole, parts: Services) -> None:
    officer, admin = as_role("officer"), as_role("admin")
    person = account(parts, "officer@fund.example")
    assert "has another role now" in act(admin, person.id, "role", role="auditor")
    assert officer.get("/dashboard/exceptions/").status_code == 302
    sign_in(officer, "officer@fund.example")
    assert officer.get("/dashboard/audit/").status_code == 200
    with parts.sessions() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "staff.role_changed")).one()
    assert entry.reason == REASON
    assert entry.details == {"before": "officer", "after": "auditor"}
    assert entry.actor == f"staff:{account(parts, 'admin@fund.example').id}"


def test_numbers_in_a_reason_are_no_more_to_be_read_than_elsewhere(as_role: AsRole, parts: Services) -> None:
    as_role("officer")
    admin = as_role("admin")
    person = account(parts, "officer@fund.example")
    act(admin, person.id, "role", reason="he rang from 0712345678", role="auditor")
    for address in ("/dashboard/audit/", f"{STAFF}{person.id}"):
        page = admin.get(address).text
        assert "he rang from •••678" in page
        assert "0712345678" not in page


def test_a_closed_account_opens_nothing_until_it_is_opened_again(
    app: Flask, as_role: AsRole, parts: Services
) -> None:
    officer, admin = as_role("officer"), as_role("admin")
    person = account(parts, "officer@fund.example")
    assert "is closed" in act(admin, person.id, "close")
    assert officer.get("/dashboard/exceptions/").status_code == 302
    assert sign_in(app.test_client(), "officer@fund.example").status_code == 401
    first = password_on(act(admin, person.id, "reopen"))
    assert sign_in(app.test_client(), "officer@fund.example").status_code == 401
    assert sign_in(app.test_client(), "officer@fund.example", first).status_code == 302


def test_somebody_without_phone_and_password_is_helped_back_in(
    app: Flask, as_role: AsRole, staff: Callable[[str], str], parts: Services
) -> None:
    email = staff("checker")
    with parts.sessions.begin() as session:
        person = session.scalars(select(Staff).where(Staff.email == email)).one()
        person.totp_secret, person.recovery_hashes = new_secret(), ["0" * 64]
    admin = as_role("admin")
    assert "without a second factor" in act(admin, person.id, "second_factor")
    first = password_on(act(admin, person.id, "password"))
    browser = app.test_client()
    assert sign_in(browser, email, first).headers["Location"] == "/dashboard/"
    assert account(parts, email).recovery_hashes == []


@pytest.mark.parametrize("name", ["role", "close", "password", "second_factor", "reopen"])
def test_every_act_needs_a_reason_and_is_not_for_oneself(
    as_role: AsRole, staff: Callable[[str], str], parts: Services, name: str
) -> None:
    person, admin = account(parts, staff("officer")), as_role("admin")
    assert "at least ten characters" in act(admin, person.id, name, "because", role="auditor")
    myself = account(parts, "admin@fund.example")
    assert "This is your own account" in act(admin, myself.id, name, role="auditor")
    after = account(parts, "admin@fund.example")
    assert (after.role, after.active, after.password_hash) == ("admin", True, myself.password_hash)
    assert account(parts, "officer@fund.example").session_key == person.session_key


def test_one_administrator_always_stays(
    as_role: AsRole, staff: Callable[[str], str], parts: Services
) -> None:
    admin = as_role("admin")
    other = account(parts, staff("supervisor"))
    act(admin, other.id, "role", role="admin")
    # Both are administrators now; the other closes me, and then nobody can close the other.
    second = admin.application.test_client()
    sign_in(second, "supervisor@fund.example")
    me = account(parts, "admin@fund.example")
    assert "is closed" in act(second, me.id, "close")
    password_on(act(second, me.id, "reopen"))
    act(second, me.id, "role", role="officer")
    assert account(parts, "supervisor@fund.example").role == "admin"
    assert account(parts, "admin@fund.example").role == "officer"


def test_only_an_administrator_keeps_accounts(as_role: AsRole, parts: Services) -> None:
    for role in ("officer", "checker", "supervisor", "auditor"):
        browser = as_role(role)
        mine = account(parts, f"{role}@fund.example")
        assert browser.get(f"{STAFF}{mine.id}").status_code == 403
        answer = post(
            browser, f"{STAFF}{mine.id}", "/dashboard/profile/", act="role", role="admin", reason=REASON
        )
        assert answer.status_code == 403
        assert account(parts, f"{role}@fund.example").role == role


def test_the_last_administrator_is_not_closed_nor_made_something_else(
    staff: Callable[[str], str], parts: Services
) -> None:
    only = account(parts, staff("admin"))
    now = parts.clock.now()
    with parts.sessions.begin() as session:
        with pytest.raises(NotToKeep, match="last administrator"):
            close_account(session, only.id, by="operator", reason=REASON, now=now)
        with pytest.raises(NotToKeep, match="last administrator"):
            change_role(session, only.id, Role.OFFICER, by="operator", reason=REASON, now=now)
