"""What every answer tells the browser, so that a mistake in a page stays a small one."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

import dashboard
from dashboard.access import EVERYONE_AT_THE_FUND, allow
from dashboard.blueprint import register
from dashboard.services import Services
from tests.dashboard.browsing import sign_in

ANSWERS = [
    "/dashboard/sign-in",
    "/dashboard/day/2026-11-22",
    "/dashboard/nowhere",
    "/dashboard/profile/totp.svg",
]


@pytest.mark.parametrize("address", ANSWERS)
def test_every_answer_is_closed_to_strangers(officer: FlaskClient, address: str) -> None:
    headers = officer.get(address).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


def test_the_style_sheet_may_be_kept_for_good(client: FlaskClient) -> None:
    page = client.get("/dashboard/sign-in").text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    with client.get(address) as answer:
        assert answer.mimetype == "text/css"
        assert "max-age=31536000" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_over_https_cookies_never_travel_in_clear(parts: Services, staff: Callable[[str], str]) -> None:
    app = Flask("kibaba", root_path=str(Path(__file__).parent), static_folder=None)
    register(app, dataclasses.replace(parts, public_url="https://kibaba.example"))
    client = app.test_client()
    answer = client.get("/dashboard/sign-in", base_url="https://kibaba.example")
    cookie = answer.headers["Set-Cookie"]
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/dashboard"} <= set(cookie.split("; "))
    assert "max-age=63072000" in answer.headers["Strict-Transport-Security"]


def test_a_form_sent_from_another_site_is_refused_over_https(
    parts: Services, staff: Callable[[str], str]
) -> None:
    app = Flask("kibaba", root_path=str(Path(__file__).parent), static_folder=None)
    register(app, dataclasses.replace(parts, public_url="https://kibaba.example"))
    client = app.test_client()
    assert sign_in(client, staff("officer")).status_code == 302
    site = {"base_url": "https://kibaba.example"}
    token = client.get("/dashboard/sign-in", **site).text.split('csrf_token" value="')[1].split('"')[0]
    fields = {"csrf_token": token, "email": "officer@fund.example", "password": "x"}
    evil = {"headers": {"Referer": "https://evil.example/"}}
    assert client.post("/dashboard/sign-in", data=fields, **site, **evil).status_code == 400


def test_no_page_holds_script_or_style_of_its_own() -> None:
    folder = Path(dashboard.__file__).parent / "templates"
    for path in folder.rglob("*.html"):
        text = path.read_text()
        assert "<style" not in text, path
        scripts = re.findall(r"<script\b[^>]*>(.*?)</script>", text, re.DOTALL)
        assert not any(scripts), path
        assert " style=" not in text, path
        assert " onclick=" not in text, path


def test_the_rest_of_the_application_knows_nothing_of_the_dashboard(app: Flask) -> None:
    app.add_url_rule("/hooks/x", "hook", lambda: "taken", methods=["POST"])
    answer = app.test_client().post("/hooks/x", data={"a": "b"})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "Vary" not in answer.headers


def test_a_body_too_large_is_refused(officer: FlaskClient) -> None:
    answer = officer.post("/dashboard/profile/password", data={"old": "x" * 70_000})
    assert answer.status_code == 413
    assert "Something" not in answer.text


def test_a_failing_page_shows_nothing_of_the_error(app: Flask, officer: FlaskClient) -> None:
    @allow(EVERYONE_AT_THE_FUND)
    def fails() -> str:
        raise RuntimeError("0712 345 678 in clear")

    app.view_functions["dashboard.profile.index"] = fails
    answer = officer.get("/dashboard/profile/")
    assert answer.status_code == 500
    assert "Something failed on our side" in answer.text
    assert "0712" not in answer.text
