"""The Funnels page: what callers did on each screen of some days, for everybody at the fund."""

import os
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import expect, sync_playwright
from werkzeug.serving import make_server

from dashboard.blueprint import register
from dashboard.catalogue import text
from dashboard.funnel import ScreenCount
from dashboard.services import Services
from tests.dashboard.browsing import PASSWORD, sign_in

SCREENS = (
    ScreenCount("language", "Choose language", 1240, 1180, 1180, 41, 12, 0, 4.8),
    ScreenCount("about", "… helps you save bit by bit for old age.", 1180, 902, 968, 15, 60, 0, 14.2),
    ScreenCount("national_id", "Type your national ID number.", 890, 610, 655, 210, 190, 0, 31.5),
    ScreenCount("pin", "Choose a PIN of 4 digits.", 600, 575, 580, 66, 11, 0, 12.0),
    ScreenCount("joined", "Welcome, you are a member.", 560, 0, 0, 0, 0, 560, None),
    ScreenCount("gone_screen", "", 3, 3, 3, 0, 0, 0, 2.0),
)  # fmt: skip


class Told:
    """Counts as a test has them; remembers what was asked."""

    def __init__(self, screens: Sequence[ScreenCount]) -> None:
        self.told = screens
        self.asked: list[tuple[date, date, str, str]] = []

    def screens(
        self, first: date, last: date, *, language: str = "", network: str = ""
    ) -> Sequence[ScreenCount]:
        self.asked.append((first, last, language, network))
        return self.told

    def choices(self, first: date, last: date) -> tuple[Sequence[str], Sequence[str]]:
        return ["en", "sw"], ["63902", "63903", "OTHERTEL"]


@pytest.fixture
def told() -> Told:
    return Told(SCREENS)


@pytest.fixture
def app(parts: Services, told: Told) -> Flask:
    app = Flask("kibaba", root_path=str(Path(__file__).parent), static_folder=None)
    register(app, replace(parts, funnel=told))
    return app


def test_everybody_at_the_fund_sees_them_and_nobody_else(
    app: Flask, client: FlaskClient, as_role: Callable[[str], FlaskClient]
) -> None:
    assert client.get("/dashboard/funnels/").status_code == 302
    for role in ("officer", "auditor", "admin"):
        page = as_role(role).get("/dashboard/funnels/").text
        assert "national_id" in page
        assert "Type your national ID number." in page
        assert "(26 %)" in page, "235 of 890 dropped out"
        assert "31.5" in page


def test_calls_are_what_was_entered_without_leaving_another_screen(officer: FlaskClient) -> None:
    page = officer.get("/dashboard/funnels/").text
    begun = sum(count.entered - count.left for count in SCREENS)
    assert f'<span class="big">{begun:,}</span>' in page


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", "2026-11-16", "2026-11-22"),
        ("first=2026-11-01&last=2026-11-10", "2026-11-01", "2026-11-10"),
        ("first=2026-11-10&last=2026-11-01", "2026-11-01", "2026-11-10"),
        ("first=nonsense&last=99999-01-01", "2026-11-16", "2026-11-22"),
        ("first=2026-01-01&last=2026-11-22", "2026-08-23", "2026-11-22"),
        ("first=0001-01-01&last=0001-01-02", "2026-11-16", "2026-11-22"),
    ],
)
def test_a_range_of_days_is_put_in_order_and_within_reason(
    officer: FlaskClient, told: Told, query: str, first: str, last: str
) -> None:
    assert officer.get(f"/dashboard/funnels/?{query}&language=sw&network=63902").status_code == 200
    assert told.asked[-1] == (date.fromisoformat(first), date.fromisoformat(last), "sw", "63902")


def test_who_hangs_up_on_what_was_asked_for_ended_there_and_did_not_drop_out(
    officer: FlaskClient, told: Told
) -> None:
    told.told = (ScreenCount("balance", "Your savings: …", 30, 0, 6, 0, 24, 0, None, asks_nothing=True),)
    page = officer.get("/dashboard/funnels/").text
    assert "(80 %)" not in page
    assert '<rect class="dropped"' not in page
    row = page.split("<code>balance</code>")[1].split("</tr>")[0]
    assert re.findall(r'<td class="number">([^<]*)<', row) == ["30", "0", "0", "24", "0", text("none")]
    assert '<span class="big">24</span><span class="under">A last screen' in page


def test_days_without_calls_say_so(officer: FlaskClient, told: Told) -> None:
    told.told = ()
    assert "Nobody called in these days." in officer.get("/dashboard/funnels/").text


@pytest.mark.browser
def test_the_page_stands_in_a_browser(app: Flask, staff: Callable[[str], str]) -> None:
    email = staff("officer")
    assert sign_in(app.test_client(), email).status_code == 302
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme="light")
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"http://127.0.0.1:{server.server_port}/dashboard/")
        page.get_by_label("E-mail address").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Funnels").click()
        page.get_by_role("heading", name="Funnels").wait_for()
        expect(page.locator("svg.bar")).to_have_count(len(SCREENS))
        for width, name in ((1280, "funnels"), (390, "narrow-funnels")):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            if folder := os.environ.get("SCREENSHOTS"):
                page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
        page.set_viewport_size({"width": 1280, "height": 844})
        page.emulate_media(color_scheme="dark")
        if folder:
            page.screenshot(path=str(Path(folder) / "funnels-dark.png"), full_page=True)
        browser.close()
    server.shutdown()
    thread.join()
    server.server_close()
    assert complaints == []
