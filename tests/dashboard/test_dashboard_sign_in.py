"""Signing in: right, wrong, locked, with a second factor, and how sessions end."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from core.audit import AuditEntry, first_broken
from core.errors import InvalidValue
from dashboard.services import Services
from dashboard.staff.model import TRIES_MAX, StaffExists, WeakPassword
from dashboard.staff.outcomes import Locked, Wrong
from dashboard.staff.service import add_staff
from dashboard.staff.service import sign_in as try_sign_in
from dashboard.staff.tables import EndedSession, Staff
from tests.dashboard.browsing import PASSWORD, post, sign_in, token_in, turn

OpenAccount = Callable[[str], str]


def acts(parts: Services) -> list[str]:
    with parts.sessions() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)))


def test_the_right_password_opens_the_day(client: FlaskClient, staff: OpenAccount, parts: Services) -> None:
    answer = sign_in(client, staff("officer"))
    assert answer.headers["Location"] == "/dashboard/"
    assert client.get("/dashboard/", follow_redirects=True).status_code == 200
    assert acts(parts) == ["staff.added", "staff.signed_in"]


def test_a_wrong_password_and_an_unknown_name_look_the_same(client: FlaskClient, staff: OpenAccount) -> None:
    known = sign_in(client, staff("officer"), "not the password")
    unknown = sign_in(client, "nobody@fund.example", "not the password")
    assert known.status_code == unknown.status_code == 401
    assert without_token(known.text, "officer") == without_token(unknown.text, "nobody")


def without_token(page: str, name: str) -> str:
    return page.replace(token_in(page), "").replace(f"{name}@fund.example", "")


@pytest.mark.parametrize("known", [True, False])
def test_too_many_tries_close_a_name_whether_it_exists_or_not(
    client: FlaskClient, staff: OpenAccount, parts: Services, known: bool
) -> None:
    email = staff("officer") if known else "nobody@fund.example"
    for _ in range(TRIES_MAX):
        assert "do not go together" in sign_in(client, email, "wrong every time").text
    assert "closed until 12:15:00" in sign_in(client, email, PASSWORD).text
    assert "staff.sign_in_failed" in acts(parts)


def test_a_closed_name_opens_after_its_time(client: FlaskClient, staff: OpenAccount, parts: Services) -> None:
    email = staff("officer")
    for _ in range(TRIES_MAX + 1):
        sign_in(client, email, "wrong every time")
    turn(parts, timedelta(minutes=15, seconds=1))
    assert sign_in(client, email).status_code == 302


def test_many_tries_at_once_gain_nothing(staff: OpenAccount, parts: Services) -> None:
    email = staff("officer")

    def one(_: int) -> object:
        with parts.sessions.begin() as session:
            return try_sign_in(session, email=email, password="a guess", now=parts.clock.now())

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(one, range(12)))
    assert sum(isinstance(outcome, Wrong) for outcome in outcomes) == TRIES_MAX
    assert sum(isinstance(outcome, Locked) for outcome in outcomes) == 12 - TRIES_MAX
    with parts.sessions() as session:
        assert first_broken(session) is None


def test_signing_in_never_leads_to_another_site(client: FlaskClient, staff: OpenAccount) -> None:
    email = staff("officer")
    for wanted in ("https://evil.example/", "//evil.example", "/dashboard/\\evil.example", "/elsewhere"):
        page = client.get("/dashboard/sign-in")
        data = {"csrf_token": token_in(page.text), "email": email, "password": PASSWORD, "next": wanted}
        assert client.post("/dashboard/sign-in", data=data).headers["Location"] == "/dashboard/"
        post(client, "/dashboard/sign-out", form_on="/dashboard/profile/")


def test_after_signing_in_one_is_where_one_wanted_to_be(client: FlaskClient, staff: OpenAccount) -> None:
    asked = client.get("/dashboard/exceptions/?day=2026-11-22")
    assert asked.headers["Location"].startswith("/dashboard/sign-in?next=")
    page = client.get(asked.headers["Location"])
    fields = {
        "email": staff("officer"),
        "password": PASSWORD,
        "next": "/dashboard/exceptions/?day=2026-11-22",
    }
    answer = client.post("/dashboard/sign-in", data={"csrf_token": token_in(page.text), **fields})
    assert answer.headers["Location"] == "/dashboard/exceptions/?day=2026-11-22"


def test_a_form_without_its_token_does_nothing(client: FlaskClient, staff: OpenAccount) -> None:
    answer = client.post("/dashboard/sign-in", data={"email": staff("officer"), "password": PASSWORD})
    assert answer.status_code == 400
    assert "open too long" in answer.text
    assert client.get("/dashboard/day/2026-11-22").status_code == 302


def test_an_idle_session_ends(officer: FlaskClient, parts: Services) -> None:
    turn(parts, parts.idle_for - timedelta(seconds=1))
    assert officer.get("/dashboard/profile/").status_code == 200
    turn(parts, parts.idle_for)
    assert officer.get("/dashboard/profile/").status_code == 302


def test_a_page_that_asks_by_itself_keeps_no_session_awake(officer: FlaskClient, parts: Services) -> None:
    subject, token = uuid.uuid4(), token_in(officer.get("/dashboard/profile/").text)
    for _ in range(int(parts.idle_for / timedelta(minutes=5)) - 1):
        turn(parts, timedelta(minutes=5))
        asked = officer.post(
            f"/dashboard/work/here/{subject}",
            data={"csrf_token": token},
            headers={"X-Kibaba-By-Itself": "1"},
        )
        assert asked.status_code == 200
    turn(parts, timedelta(minutes=5))
    assert officer.get("/dashboard/profile/").status_code == 302


def test_even_a_busy_session_ends_after_a_shift(officer: FlaskClient, parts: Services) -> None:
    for _ in range(int(parts.signed_in_for / timedelta(minutes=20)) - 1):
        turn(parts, timedelta(minutes=20))
        assert officer.get("/dashboard/profile/").status_code == 200
    turn(parts, timedelta(minutes=20))
    assert officer.get("/dashboard/profile/").status_code == 302


def test_a_changed_password_ends_every_other_session(app: Flask, staff: OpenAccount) -> None:
    email = staff("officer")
    here, elsewhere = app.test_client(), app.test_client()
    sign_in(here, email)
    sign_in(elsewhere, email)
    new = "haraka haraka haina baraka"
    fields = {"old": PASSWORD, "new": new, "again": new}
    assert post(here, "/dashboard/profile/password", "/dashboard/profile/", **fields).status_code == 302
    assert here.get("/dashboard/profile/").status_code == 200
    assert elsewhere.get("/dashboard/profile/").status_code == 302
    assert sign_in(elsewhere, email).status_code == 401
    assert sign_in(elsewhere, email, new).status_code == 302


@pytest.mark.parametrize(
    ("old", "new", "again", "words"),
    [
        ("not mine", "haraka haraka haina", "haraka haraka haina", "another one"),
        (PASSWORD, "short", "short", "at least 12 characters"),
        (PASSWORD, "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "at least 12 characters"),
        (PASSWORD, "officer of the fund", "officer of the fund", "at least 12 characters"),
        (PASSWORD, "haraka haraka haina", "haraka haraka hana", "not the same"),
    ],
)
def test_a_password_change_says_what_is_wrong(
    officer: FlaskClient, old: str, new: str, again: str, words: str
) -> None:
    form = "/dashboard/profile/"
    answer = post(officer, "/dashboard/profile/password", form, old=old, new=new, again=again)
    assert answer.status_code == 400
    assert words in answer.text


def test_a_closed_account_is_signed_out_at_once(officer: FlaskClient, parts: Services) -> None:
    with parts.sessions.begin() as session:
        session.scalars(select(Staff)).one().active = False
    assert officer.get("/dashboard/profile/").status_code == 302


def enrol(browser: FlaskClient, parts: Services) -> tuple[pyotp.TOTP, list[str]]:
    browser.get("/dashboard/profile/")
    with parts.sessions() as session:
        secret = session.scalars(select(Staff.totp_offered)).one()
    assert secret is not None
    totp = pyotp.TOTP(secret)
    code = totp.at(parts.clock.now())
    page = post(browser, "/dashboard/profile/totp", "/dashboard/profile/", code=code)
    assert page.status_code == 200
    codes = [part.split("</code>")[0] for part in page.text.split("<li><code>")[1:]]
    assert len(codes) == 10
    return totp, codes


def test_with_a_second_factor_the_password_alone_opens_nothing(
    app: Flask, officer: FlaskClient, parts: Services
) -> None:
    totp, _ = enrol(officer, parts)
    browser = app.test_client()
    assert "/sign-in/code" in sign_in(browser, "officer@fund.example").headers["Location"]
    assert browser.get("/dashboard/profile/").status_code == 302
    assert post(browser, "/dashboard/sign-in/code", code="000000").status_code == 401
    turn(parts, timedelta(seconds=30))
    answer = post(browser, "/dashboard/sign-in/code", code=totp.at(parts.clock.now()))
    assert answer.status_code == 302
    assert browser.get("/dashboard/profile/").status_code == 200


def test_a_code_is_good_once(app: Flask, officer: FlaskClient, parts: Services) -> None:
    totp, _ = enrol(officer, parts)
    browser = app.test_client()
    sign_in(browser, "officer@fund.example")
    used = totp.at(parts.clock.now())
    assert post(browser, "/dashboard/sign-in/code", code=used).status_code == 401


def test_a_recovery_code_is_good_once(app: Flask, officer: FlaskClient, parts: Services) -> None:
    _, codes = enrol(officer, parts)
    first, second = app.test_client(), app.test_client()
    sign_in(first, "officer@fund.example")
    assert post(first, "/dashboard/sign-in/code", code=codes[0].upper()).status_code == 302
    sign_in(second, "officer@fund.example")
    assert post(second, "/dashboard/sign-in/code", code=codes[0]).status_code == 401


def test_repeating_the_password_does_not_buy_more_codes(
    app: Flask, officer: FlaskClient, parts: Services
) -> None:
    enrol(officer, parts)
    browser = app.test_client()
    for _ in range(TRIES_MAX):
        sign_in(browser, "officer@fund.example")
        assert post(browser, "/dashboard/sign-in/code", code="123123").status_code == 401
    assert "closed until" in sign_in(browser, "officer@fund.example").text


def test_a_session_alone_puts_no_other_second_factor_in_its_place(
    app: Flask, officer: FlaskClient, parts: Services
) -> None:
    totp, _ = enrol(officer, parts)
    assert officer.get("/dashboard/profile/totp.svg").status_code == 404
    with parts.sessions.begin() as session:
        # Offered before there was one, by a page that is still open elsewhere.
        session.scalars(select(Staff)).one().totp_offered = other = pyotp.random_base32()
    code = pyotp.TOTP(other).at(parts.clock.now())
    answer = post(officer, "/dashboard/profile/totp", "/dashboard/profile/", code=code)
    assert answer.status_code == 400
    browser = app.test_client()
    sign_in(browser, "officer@fund.example")
    turn(parts, timedelta(minutes=1))
    assert post(browser, "/dashboard/sign-in/code", code=totp.at(parts.clock.now())).status_code == 302


def test_the_second_step_waits_five_minutes(app: Flask, officer: FlaskClient, parts: Services) -> None:
    enrol(officer, parts)
    browser = app.test_client()
    sign_in(browser, "officer@fund.example")
    turn(parts, timedelta(minutes=5, seconds=1))
    assert "/sign-in" in browser.get("/dashboard/sign-in/code").headers["Location"]


def test_the_qr_code_is_a_picture_and_the_secret_is_sealed(officer: FlaskClient, parts: Services) -> None:
    picture = officer.get("/dashboard/profile/totp.svg")
    assert picture.mimetype == "image/svg+xml"
    assert "<svg" in picture.text
    with parts.sessions() as session:
        raw = session.connection().exec_driver_sql("SELECT totp_offered FROM staff").scalar_one()
        secret = session.scalars(select(Staff.totp_offered)).one()
    assert secret is not None
    assert secret not in raw


def test_accounts_are_opened_once_and_only_with_sense(parts: Services) -> None:
    good = {"email": "Zuri@Fund.example", "name": "Zuri", "role": "officer", "password": PASSWORD}
    now = parts.clock.now()
    with parts.sessions.begin() as session:
        assert add_staff(session, **good, now=now).email == "zuri@fund.example"
    bad = [({}, StaffExists), ({"email": "no address"}, InvalidValue), ({"role": "king"}, InvalidValue)]
    bad += [({"email": "b@fund.example", "name": " "}, InvalidValue)]
    bad += [({"email": "b@fund.example", "password": "too short"}, WeakPassword)]
    for change, error in bad:
        with pytest.raises(error), parts.sessions.begin() as session:
            add_staff(session, **{**good, **change}, now=now)


def test_a_copied_cookie_ends_with_its_session_and_others_go_on(
    app: Flask, client: FlaskClient, staff: OpenAccount, parts: Services
) -> None:
    email = staff("officer")
    elsewhere, thief = app.test_client(), app.test_client()
    for browser in (client, elsewhere):
        sign_in(browser, email)
    cookie = client.get_cookie("kibaba_staff", path="/dashboard")
    assert cookie is not None
    thief.set_cookie("kibaba_staff", cookie.value, path="/dashboard")
    assert thief.get("/dashboard/profile/").status_code == 200
    post(client, "/dashboard/sign-out", form_on="/dashboard/profile/")
    assert thief.get("/dashboard/profile/").status_code == 302
    assert elsewhere.get("/dashboard/profile/").status_code == 200
    # A list of what was ended does not grow: a cookie that is too old is refused by itself.
    turn(parts, parts.signed_in_for + timedelta(seconds=1))
    sign_in(elsewhere, email)
    post(elsewhere, "/dashboard/sign-out", form_on="/dashboard/profile/")
    with parts.sessions() as session:
        assert session.scalar(select(func.count()).select_from(EndedSession)) == 1
