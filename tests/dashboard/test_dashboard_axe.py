"""Every page is read by a screen reader as it is meant: axe finds nothing against WCAG 2, A and AA."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select
from werkzeug.serving import make_server

from dashboard.access import Access, access_of
from dashboard.blueprint import register
from dashboard.services import Services
from dashboard.staff.tables import Staff
from members.model import NoticeKind
from members.notified import keep_notice
from members.tables import MemberRow
from payments.alerts.service import AlertKind, raise_alert
from payments.imports.handing_in import hand_in
from payments.suspense.deciding import decide
from payments.suspense.model import Act, Wish
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import PASSWORD, turn
from tests.dashboard.statement_files import statement
from tests.dashboard.test_dashboard_browser import _CHROMIUM, _FLAGS, photograph
from tests.dashboard.test_dashboard_claims import a_claim
from tests.dashboard.test_dashboard_duplicates import a_case
from tests.dashboard.test_dashboard_evening import work
from tests.dashboard.test_dashboard_funnels import SCREENS, Told
from tests.dashboard.test_dashboard_unmask import REASON, a_message

pytestmark = pytest.mark.browser

_AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = "async (only) => (await axe.run(document, {runOnly: only})).violations"


@pytest.fixture
def app(parts: Services) -> Flask:
    """The dashboard of a house that callers dial."""
    app = Flask("kibaba", root_path=str(Path(__file__).parent), static_folder=None)
    register(app, replace(parts, funnel=Told(SCREENS)))
    return app


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        # Nothing moves while it is looked at: colours between two states are no state.
        yield browser.new_page(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
        browser.close()


def faults(page: Page) -> list[str]:
    """What axe has against a page by day and by night: rule, and the pieces of the page it means."""
    page.emulate_media(color_scheme="light")
    page.evaluate(_AXE)
    found: list[dict[str, Any]] = page.evaluate(_RUN, {"type": "tag", "values": _RULES})
    page.emulate_media(color_scheme="dark")
    found += page.evaluate(_RUN, {"type": "rule", "values": ["color-contrast"]})
    page.emulate_media(color_scheme="light")
    return [f"{page.url} {each['id']}: {[node['html'][:160] for node in each['nodes']]}" for each in found]


def enter(page: Page, address: str, email: str) -> None:
    page.context.clear_cookies()
    page.goto(f"{address}/dashboard/sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation").wait_for()


def much_to_see(parts: Services, day: Day, officer: str) -> dict[str, str]:
    """An alert, a proposal, a statement, a likely duplicate, a claim, a message, a death; and what stands in
    addresses.
    """
    now = parts.clock.now()
    case = a_case(parts, day)
    a_claim(parts, day, place=39)
    message = a_message(parts)
    with parts.sessions.begin() as session:
        staff = session.scalars(select(Staff).where(Staff.email == officer)).one()
        raise_alert(session, AlertKind.STATEMENT_MISSING, "all", "none for 2026-11-21", now=now)
        wish = Wish(
            key=day.receipts[17].id,
            act=Act.REFUND,
            reason="the payer wants it back",
            receipt_id=day.receipts[17].id,
        )
        decide(session, wish, maker=f"staff:{staff.id}", limit_cents=0, now=now)
        handed = hand_in(
            session,
            wallet=parts.wallet,
            shortcode=parts.shortcode,
            name="statement.csv",
            content=statement([("SKT0000001", "HOME", 2500)]),
            by=f"staff:{staff.id}",
            now=now,
        )
        keep_notice(
            session,
            session.get_one(MemberRow, day.members[5]),
            NoticeKind.DEATH,
            "civil",
            event_on="2026-11-01",
            now=now,
        )
    work(parts)
    turn(parts, timedelta(minutes=1))
    return {
        "day": "2026-11-22",
        "break_id": str(day.breaks["amount_differs"]),
        "receipt_id": str(day.receipts[39].id),
        "payment_id": str(day.receipts[0].id),
        "import_id": str(handed.import_id),
        "member_id": str(day.members[4]),
        "change_id": str(day.change),
        "staff_id": str(staff.id),
        "case_id": str(case),
        "message_id": str(message),
    }


def pages_for(app: Flask, role: str, known: dict[str, str]) -> dict[str, str]:
    """Every page that this role may open, by its endpoint: a page that is new is looked at too."""
    found = {}
    for rule in app.url_map.iter_rules():
        access: Access | None = access_of(app.view_functions[rule.endpoint])
        is_page = "GET" in (rule.methods or ()) and access is not None and role in (access.roles or ())
        is_file = rule.arguments & {"form", "name", "rest"} or rule.endpoint.endswith((".qr", "today.index"))
        if is_page and not is_file and rule.arguments <= known.keys():
            with app.test_request_context():
                values = {name: known[name] for name in rule.arguments}
                found[rule.endpoint] = app.url_map.bind("").build(rule.endpoint, values)
    return found


@pytest.mark.parametrize("role", ["supervisor", "admin"])
def test_axe_finds_nothing_on_any_page(
    app: Flask, page: Page, address: str, staff: Callable[[str], str], day: Day, parts: Services, role: str
) -> None:
    known = much_to_see(parts, day, staff("officer"))
    page.goto(f"{address}/dashboard/sign-in")
    found = faults(page)
    enter(page, address, staff(role))
    pages = pages_for(app, role, known)
    assert len(pages) >= {"supervisor": 20, "admin": 7}[role], sorted(pages)
    for endpoint, path in pages.items():
        page.goto(f"{address}{path}")
        found += faults(page)
        photograph(page, f"axe-{endpoint.removeprefix('dashboard.')}")
    assert not found, "\n".join(found)


def test_axe_finds_nothing_on_a_phone_with_the_menu_folded_or_open(
    page: Page, address: str, staff: Callable[[str], str], day: Day
) -> None:
    enter(page, address, staff("supervisor"))
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address}/dashboard/day/2026-11-22")
    found = faults(page)
    page.locator("summary", has_text="Menu").click()
    found += faults(page)
    assert not found, "\n".join(found)


def test_every_page_is_looked_at_by_somebody(app: Flask) -> None:
    """No page hides from the test above behind an argument that it does not know."""
    known = dict.fromkeys(
        (
            *("day", "break_id", "receipt_id", "payment_id", "import_id", "member_id", "change_id"),
            *("staff_id", "case_id", "message_id"),
        ),
        "2026-11-22",
    )
    asked = {
        argument
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.endpoint.startswith("dashboard.")
        for argument in rule.arguments
    }
    assert asked <= known.keys() | {"form", "name", "rest"}


def test_axe_finds_nothing_on_what_officers_open_or_are_refused(
    page: Page, address: str, staff: Callable[[str], str], day: Day, parts: Services
) -> None:
    """The forms that a click opens, numbers in full, and a decision that comes back as it was typed."""
    a_claim(parts, day)
    a_message(parts)
    enter(page, address, staff("officer"))
    found = []
    suspense, inbox = f"{address}/dashboard/suspense/", f"{address}/dashboard/inbox/"
    for path, opened, photo in (
        (suspense, "Not theirs", "claims-open"),
        (f"{suspense}{day.receipts[17].id}", "Not theirs", "claimants-open"),
        (inbox, "Show in full", "inbox-open"),
    ):
        page.goto(path)
        page.locator("summary", has_text=opened).click()
        found += faults(page)
        photograph(page, photo)
    page.get_by_label("Reason").fill(REASON)
    page.get_by_role("button", name="Show in full").click()
    page.get_by_text("This is in the audit trail").wait_for()
    found += faults(page)
    photograph(page, "inbox-unmasked")
    page.goto(f"{suspense}{day.receipts[17].id}")
    page.locator("#unmask-reason").fill(REASON)
    page.get_by_role("button", name="Show in full").click()
    page.get_by_text("This is in the audit trail").wait_for()
    found += faults(page)
    photograph(page, "payer-unmasked")
    page.get_by_label("Member number").fill("400000009")
    page.locator("#reason").fill(REASON)
    page.get_by_role("button", name="Decide").click()
    page.get_by_text("Check the digits").wait_for()
    found += faults(page)
    photograph(page, "refused-decision")
    assert not found, "\n".join(found)


def test_axe_finds_nothing_on_pages_behind_a_form(
    page: Page, address: str, staff: Callable[[str], str], parts: Services
) -> None:
    """A first password, the second factor, its recovery codes, the door that asks for a code, a refusal."""
    enter(page, address, staff("admin"))
    page.goto(f"{address}/dashboard/staff/")
    page.get_by_label("Name", exact=True).fill("Joyce Auma")
    page.get_by_label("E-mail address").fill("joyce@fund.example")
    page.get_by_role("button", name="Open the account").click()
    page.get_by_role("heading", name="The first password").wait_for()
    found = faults(page)
    photograph(page, "first-password")
    page.goto(f"{address}/dashboard/profile/")
    photograph(page, "second-factor")
    secret = "".join(page.locator(".steps code").inner_text().split())
    page.get_by_label("Type the six digits").fill(pyotp.TOTP(secret).at(parts.clock.now()))
    page.get_by_role("button", name="Switch on").click()
    page.get_by_role("heading", name="Your recovery codes").wait_for()
    found += faults(page)
    photograph(page, "recovery-codes")
    recovery = page.locator(".codes code").first.inner_text()
    page.context.clear_cookies()
    page.goto(f"{address}/dashboard/sign-in")
    page.get_by_label("E-mail address").fill("admin@fund.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code").wait_for()
    found += faults(page)
    photograph(page, "sign-in-code")
    page.get_by_label("Code").fill(recovery)
    page.get_by_role("button").last.click()
    page.get_by_role("navigation").wait_for()
    page.goto(f"{address}/dashboard/members/")
    found += faults(page)
    photograph(page, "not-for-you")
    assert not found, "\n".join(found)
