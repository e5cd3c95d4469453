"""The officer's walk in a real browser: sign in, the day, its differences, one of them, its payment."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright
from werkzeug.serving import make_server

from tests.dashboard.a_day import Day
from tests.dashboard.browsing import PASSWORD

pytestmark = pytest.mark.browser

_CHROMIUM = "/usr/bin/chromium"
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The dashboard on a port of its own."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/dashboard"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page() -> Iterator[Page]:
    """A small laptop's browser in which any complaint of the page fails the test."""
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme="light")
        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        browser.close()
    assert complaints == []


def photograph(page: Page, name: str) -> None:
    """Keep a picture for the handbook, when somebody asked for pictures (SCREENSHOTS names the folder)."""
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def enter(page: Page, address: str, email: str) -> None:
    page.goto(f"{address}/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    photograph(page, "sign-in")
    page.get_by_role("button", name="Sign in").click()


def fits(page: Page) -> bool:
    """Nothing of the page is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_an_officer_walks_from_the_day_to_one_payment(
    page: Page, address: str, staff: Callable[[str], str], day: Day
) -> None:
    enter(page, address, staff("officer"))
    page.get_by_role("heading", name="Sunday 22 November 2026").wait_for()
    expect(page.get_by_role("list").filter(has_text="Received").first).to_be_visible()
    assert fits(page)
    photograph(page, "today")
    page.get_by_role("row").filter(has_text="Amounts differ").get_by_role("link").click()
    page.get_by_role("heading", name="Exceptions").wait_for()
    expect(page.locator("table:not(.ages) tbody tr")).to_have_count(1)
    page.locator(".chip").filter(has_text="All kinds").click()
    expect(page.locator("table:not(.ages) tbody tr")).to_have_count(13)
    assert fits(page)
    photograph(page, "exceptions")
    page.locator("tbody").get_by_role("link", name="Amounts differ").click()
    page.get_by_role("heading", name="Amounts differ").wait_for()
    expect(page.locator(".differs")).to_have_count(1)
    assert fits(page)
    photograph(page, "break")
    page.get_by_role("link", name="The payment's whole way").click()
    page.get_by_role("heading", name="Its whole way").wait_for()
    assert fits(page)
    photograph(page, "payment")


def test_the_other_pages_stand_in_the_same_browser(
    page: Page, address: str, staff: Callable[[str], str], day: Day
) -> None:
    enter(page, address, staff("supervisor"))
    for part in ("payments", "members", "queues", "audit", "profile"):
        page.goto(f"{address}/{part}/")
        page.get_by_role("heading", level=1).wait_for()
        assert fits(page)
        photograph(page, part)
    page.goto(f"{address}/members/")
    page.get_by_label("Member number, phone or national ID").fill(day.identifiers[0])
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("heading", name="Member ").wait_for()
    photograph(page, "member")
    page.get_by_label("Reason", exact=True).fill("The member is on the line and asks about a payment")
    page.get_by_role("button", name="Show in full").click()
    page.get_by_text(day.phones[0].e164).wait_for()
    page.goto(f"{address}/members/changes/{day.change}")
    photograph(page, "phone-change")


def test_pages_fit_a_dark_room_a_phone_and_paper(
    page: Page, address: str, staff: Callable[[str], str], day: Day
) -> None:
    enter(page, address, staff("officer"))
    page.goto(f"{address}/day/2026-11-22")
    page.emulate_media(color_scheme="dark")
    photograph(page, "today-dark")
    page.emulate_media(color_scheme="light", media="print")
    expect(page.get_by_role("navigation")).to_be_hidden()
    expect(page.get_by_text("Reconcile now")).to_be_hidden()
    photograph(page, "today-print")
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 390, "height": 844})
    for part in ("day/2026-11-22", "exceptions/", f"exceptions/{day.breaks['amount_differs']}", "members/"):
        page.goto(f"{address}/{part}")
        assert fits(page), part
        photograph(page, f"narrow-{part.split('/')[0]}")


def test_an_administrator_sees_accounts(page: Page, address: str, staff: Callable[[str], str]) -> None:
    staff("officer")
    staff("auditor")
    enter(page, address, staff("admin"))
    page.get_by_role("link", name="Staff").click()
    page.get_by_role("heading", name="Staff").wait_for()
    expect(page.locator("table:not(.ages) tbody tr")).to_have_count(3)
    photograph(page, "staff")


def test_the_keyboard_reaches_the_content_first(
    page: Page, address: str, staff: Callable[[str], str]
) -> None:
    enter(page, address, staff("officer"))
    page.get_by_role("heading", level=1).wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
