"""The officer's evening in a browser: import, release, exceptions, work, refusal, two people, close."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import func, select
from werkzeug.serving import make_server

from dashboard.services import Services
from members.tables import MemberRow
from payments.reconciliation.service import reconcile
from payments.suspense.tables import Decision
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import turn
from tests.dashboard.statement_files import statement
from tests.dashboard.test_dashboard_browser import _CHROMIUM, _FLAGS, enter, fits, photograph
from tests.dashboard.test_dashboard_evening import work

pytestmark = pytest.mark.browser

REASON = "the payer came to the office with the SMS"
Open = Callable[[], Page]


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/dashboard"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_browser() -> Iterator[Open]:
    """A small laptop for each person; any complaint of a page fails the test."""
    complaints: list[str] = []

    def page_of(browser: Browser) -> Page:
        page = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme="light").new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        yield lambda: page_of(browser)
        browser.close()
    assert complaints == []


def compare(parts: Services, back_days: int = 0) -> None:
    now = parts.clock.now()
    with parts.sessions.begin() as session:
        day = parts.calendar.day_of(now) - timedelta(days=back_days)
        reconcile(session, parts.calendar, wallet=parts.wallet, shortcode=parts.shortcode, day=day, now=now)


def decisions(parts: Services) -> int:
    with parts.sessions() as session:
        return session.scalar(select(func.count()).select_from(Decision)) or 0


def slipped(parts: Services, day: Day) -> str:
    """A member's number as tired fingers type it."""
    with parts.sessions() as session:
        number = session.get_one(MemberRow, day.members[3]).number
    return number[:4] + str((int(number[4]) + 3) % 10) + number[5:]


def import_a_statement(
    officer: Page, checker: Page, address: str, parts: Services, day: Day, folder: Path
) -> None:
    """The file is handed in, another person releases it; the page shows how far it is until it is done."""
    file = folder / "statement-2026-11-22.csv"
    file.write_bytes(statement([("SKT0000001", slipped(parts, day), 2500), ("SKT0000002", "HOME", 300)]))
    officer.get_by_role("link", name="Statements").click()
    officer.get_by_label("Statement file").set_input_files(file)
    officer.get_by_role("button", name="Import").click()
    officer.locator("[data-progress]").wait_for()
    photograph(officer, "import-running")
    work(parts)
    # It is more than one person decides about, and no message told of it: the page says whose turn it is.
    officer.get_by_text("Another person must look at it").wait_for()
    expect(officer.get_by_role("button", name="Release")).to_have_count(0)
    assert fits(officer)
    release(checker, address)
    photograph(officer, "import-held")
    officer.reload()
    officer.locator("[data-progress]").wait_for()
    work(parts)
    officer.get_by_text("2 lines are new").wait_for()
    assert fits(officer)
    photograph(officer, "import")
    turn(parts, timedelta(minutes=5))
    compare(parts)


def release(checker: Page, address: str) -> None:
    """The second person finds the file among what waits, sees its lines, and lets it go."""
    checker.goto(f"{address}/checks/")
    photograph(checker, "checks-file")
    checker.get_by_role("link", name="statement-2026-11-22.csv").click()
    for shown in ("Told by this file alone", "The accounts to which most of"):
        checker.get_by_role("group", name=shown).get_by_role("cell", name="2,500.00").wait_for()
    assert fits(checker)
    photograph(checker, "import-to-release")
    checker.get_by_role("button", name="Release").click()
    checker.get_by_text("Released by Amina Checker").wait_for()


def walk_by_keyboard(officer: Page) -> None:
    """Down, down, down, up, tick."""
    officer.get_by_role("link", name="On to the exceptions").click()
    officer.get_by_role("heading", name="Exceptions").wait_for()
    assert fits(officer)
    photograph(officer, "exceptions-work")
    for key in ("j", "j", "j", "k", "a"):
        officer.keyboard.press(key)
    expect(officer.locator("tbody input:checked")).to_have_count(1)
    assert officer.evaluate("document.activeElement.closest('tr').querySelector('input').checked")
    # There are two things that could be done with it: Enter does neither.
    at = officer.url
    officer.get_by_label("Reason").fill("seen with the shop's own book")
    officer.get_by_label("Reason").press("Enter")
    expect(officer.get_by_label("Reason")).to_have_value("seen with the shop's own book")
    assert officer.url == at


def propose_and_have_it_refused(officer: Page, checker: Page, address: str, parts: Services) -> None:
    """Two people see each other; the double click is one proposal; the checker refuses it."""
    officer.goto(f"{address}/suspense/")
    photograph(officer, "suspense")
    officer.get_by_role("link", name="SKT0000001").click()
    officer.get_by_role("heading", name="Whose is SKT0000001?").wait_for()
    assert fits(officer)
    photograph(officer, "suspense-receipt")
    checker.goto(officer.url)
    checker.get_by_text("Amina Officer is looking at this now").wait_for()
    photograph(checker, "two-people")
    officer.get_by_text("one slip from theirs").first.click()
    officer.get_by_label("Reason", exact=True).fill(REASON)
    officer.get_by_role("button", name="Propose").dblclick()
    officer.get_by_text("Waits for a second person").first.wait_for()
    assert decisions(parts) == 1
    photograph(officer, "proposed")
    checker.goto(f"{address}/checks/")
    photograph(checker, "checks")
    checker.get_by_label("Reason").fill("the number belongs to somebody else")
    checker.get_by_label("Reason").press("Enter")
    assert decisions(parts) == 1
    checker.get_by_role("button", name="Refuse").click()
    checker.get_by_text("Refused. Nothing was moved.").wait_for()
    officer.reload()
    expect(officer.get_by_role("row").filter(has_text="Amina Checker")).to_contain_text("Refused")
    photograph(officer, "refused")


def close_the_day(checker: Page, address: str, parts: Services) -> None:
    """The night is over: the day is compared, closed with a reason, and its proof is paper."""
    turn(parts, timedelta(hours=14))
    compare(parts, back_days=1)
    enter(checker, address, "checker@fund.example")
    checker.goto(f"{address}/closings/")
    checker.get_by_role("heading", name="Closings").wait_for()
    assert fits(checker)
    photograph(checker, "closings")
    checker.get_by_role("link", name="22 Nov 2026").click()
    photograph(checker, "closing-open")
    checker.get_by_label("Why close it").fill("two messages are being looked into")
    checker.get_by_role("button", name="Close this day").click()
    checker.get_by_text("Closed. It is in the audit trail.").wait_for()
    checker.get_by_role("link", name="22 Nov 2026").first.click()
    checker.get_by_role("link", name="Make it again from the facts and compare").click()
    checker.get_by_text("is the same to the byte").wait_for()
    assert fits(checker)
    photograph(checker, "closing")
    with checker.expect_download() as downloading:
        checker.get_by_role("link", name="PDF").click()
    assert Path(downloading.value.path()).read_bytes().startswith(b"%PDF")


def test_the_officers_evening(
    open_browser: Open,
    address: str,
    staff: Callable[[str], str],
    day: Day,
    parts: Services,
    tmp_path: Path,
) -> None:
    officer, checker = open_browser(), open_browser()
    enter(officer, address, staff("officer"))
    enter(checker, address, staff("checker"))
    import_a_statement(officer, checker, address, parts, day, tmp_path)
    walk_by_keyboard(officer)
    propose_and_have_it_refused(officer, checker, address, parts)
    close_the_day(checker, address, parts)


def test_members_in_doubt_and_small_screens(
    open_browser: Open, address: str, staff: Callable[[str], str], day: Day
) -> None:
    page = open_browser()
    enter(page, address, staff("supervisor"))
    page.get_by_role("link", name="To review").click()
    photograph(page, "reviews")
    page.locator("tbody").get_by_role("link").first.click()
    page.get_by_role("heading", name="Your decision").wait_for()
    photograph(page, "review")
    page.goto(f"{address}/exceptions/{day.breaks['amount_differs']}")
    photograph(page, "break-work")
    page.set_viewport_size({"width": 390, "height": 844})
    for part in (
        "suspense/",
        "checks/",
        "imports/",
        "closings/",
        "closings/2026-11-22",
        "reviews/",
        f"exceptions/{day.breaks['suspense']}",
    ):
        page.goto(f"{address}/{part}")
        assert fits(page), part
