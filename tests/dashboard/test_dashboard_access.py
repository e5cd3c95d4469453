"""Who may call what: every route says so, and those not meant are refused."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.access import access_of
from dashboard.staff.model import Role
from tests.dashboard.browsing import post

AsRole = Callable[[str], FlaskClient]

OPEN = {
    "dashboard.static",
    "dashboard.signing_in.form",
    "dashboard.signing_in.submit",
    "dashboard.signing_in.code_form",
    "dashboard.signing_in.submit_code",
}
PAGES = {
    "/dashboard/day/2026-11-22": set(Role),
    "/dashboard/queues/": set(Role),
    "/dashboard/profile/": set(Role),
    "/dashboard/exceptions/": {Role.OFFICER, Role.CHECKER, Role.SUPERVISOR, Role.AUDITOR},
    "/dashboard/exceptions/download.csv": {Role.OFFICER, Role.CHECKER, Role.SUPERVISOR, Role.AUDITOR},
    "/dashboard/payments/": {Role.OFFICER, Role.CHECKER, Role.SUPERVISOR, Role.AUDITOR},
    "/dashboard/members/": {Role.OFFICER, Role.CHECKER, Role.SUPERVISOR, Role.AUDITOR},
    "/dashboard/duplicates/": {Role.OFFICER, Role.CHECKER, Role.SUPERVISOR, Role.AUDITOR},
    "/dashboard/notices/": {Role.OFFICER, Role.CHECKER, Role.SUPERVISOR, Role.AUDITOR},
    "/dashboard/inbox/": {Role.OFFICER, Role.CHECKER, Role.SUPERVISOR, Role.AUDITOR},
    "/dashboard/audit/": {Role.SUPERVISOR, Role.AUDITOR, Role.ADMIN},
    "/dashboard/staff/": {Role.ADMIN},
}


def test_every_route_declares_who_may_call_it(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    ours = {name for name in endpoints if name.startswith("dashboard.")}
    assert ours
    assert [name for name in ours if access_of(app.view_functions[name]) is None] == []


def test_only_the_door_and_its_pictures_are_open(app: Flask) -> None:
    accesses = {name: access_of(view) for name, view in app.view_functions.items() if "dashboard" in name}
    assert {name for name, access in accesses.items() if access and access.roles is None} == OPEN


def test_a_route_that_says_nothing_is_closed(app: Flask, officer: FlaskClient) -> None:
    view = app.view_functions["dashboard.profile.index"]
    app.view_functions["dashboard.profile.index"] = lambda: "open to the world"
    assert officer.get("/dashboard/profile/").status_code == 403
    app.view_functions["dashboard.profile.index"] = view
    assert officer.get("/dashboard/profile/").status_code == 200


@pytest.mark.parametrize("role", list(Role))
def test_each_role_sees_its_pages_and_no_others(as_role: AsRole, role: Role) -> None:
    browser = as_role(role)
    seen = {page: browser.get(page).status_code for page in PAGES}
    assert seen == {page: 200 if role in roles else 403 for page, roles in PAGES.items()}


def test_the_side_bar_offers_only_what_opens(as_role: AsRole) -> None:
    page = as_role("admin").get("/dashboard/day/2026-11-22").text
    assert 'href="/dashboard/staff/"' in page
    assert 'href="/dashboard/members/"' not in page


def test_nobody_signed_in_is_sent_to_the_door(client: FlaskClient) -> None:
    for page in PAGES:
        answer = client.get(page)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/dashboard/sign-in?next=")


@pytest.mark.parametrize(
    "address",
    [
        "/dashboard/day/2026-11-22/reconcile",
        "/dashboard/members/01a20123-ff47-74bc-bb1d-000000000000/unmask",
        "/dashboard/members/01a20123-ff47-74bc-bb1d-000000000000/pin",
        "/dashboard/inbox/01a20123-ff47-74bc-bb1d-000000000000/unmask",
        "/dashboard/suspense/01a20123-ff47-74bc-bb1d-000000000000/unmask",
        "/dashboard/suspense/claims/01a20123-ff47-74bc-bb1d-000000000000",
        "/dashboard/members/changes/01a20123-ff47-74bc-bb1d-000000000000",
        "/dashboard/queues/01a20123-ff47-74bc-bb1d-000000000000/again",
    ],
)
def test_an_administrator_does_not_do_the_work_of_officers(as_role: AsRole, address: str) -> None:
    admin = as_role("admin")
    expected = 302 if "queues" in address else 403
    assert post(admin, address, "/dashboard/profile/").status_code == expected


def test_an_auditor_only_looks(as_role: AsRole) -> None:
    auditor = as_role("auditor")
    page = auditor.get("/dashboard/day/2026-11-22").text
    assert "Reconcile now" not in page
    assert post(auditor, "/dashboard/day/2026-11-22/reconcile", "/dashboard/profile/").status_code == 403


def test_every_post_without_a_token_is_refused(app: Flask, as_role: AsRole) -> None:
    supervisor, admin = as_role("supervisor"), as_role("admin")
    posts = [rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    row = "01a20123-ff47-74bc-bb1d-000000000000"
    for rule in posts:
        address = rule.rule.replace("<day>", "2026-11-22")
        address = re.sub(r"<uuid:\w+>", row, address)
        answer = (admin if "/staff/" in address else supervisor).post(address)
        assert answer.status_code == 400, address
        assert "open too long" in answer.text


def test_an_address_that_is_no_page_says_so_politely(officer: FlaskClient) -> None:
    answer = officer.get("/dashboard/no/such/page")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
