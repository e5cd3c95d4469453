"""What officers hold in their hands: pages on paper, and on a phone, say what they say on a desk."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from core.ids import new_id
from dashboard.services import Services
from messages.tables import InboundMessageRow
from payments.wallets.choosing import WalletAccount
from tests.dashboard.a_day import Day
from tests.dashboard.test_dashboard_browser import address, enter, fits, page, photograph
from tests.dashboard.test_dashboard_reports import close_the_day
from tests.dashboard.test_dashboard_work import suspended

__all__ = ["address", "page"]

pytestmark = pytest.mark.browser

PHONE = ViewportSize(width=390, height=844)
# A4 upright, less its margins, at 96 dots an inch.
SHEET = ViewportSize(width=718, height=1046)
# Two long messages: one in words, one without a single place to break it.
MESSAGES = ("Habari, nilituma pesa jana asubuhi kwa paybill yenu lakini sijaona chochote", "SKM" * 45)


@pytest.fixture
def parts(parts: Services) -> Services:
    return replace(parts, other_accounts=[WalletAccount("mtn", "MTNFUND")])


@pytest.fixture
def desk(page: Page, address: str, staff: Callable[[str], str], day: Day) -> Page:
    """A supervisor has signed in at a desk, on a day with much to see."""
    enter(page, address, staff("supervisor"))
    page.get_by_role("heading", level=1).wait_for()
    return page


def on_paper(page: Page, address: str) -> None:
    page.goto(address)
    page.emulate_media(media="print")


def rows(page: Page) -> Locator:
    return page.locator("table:not(.ages) tbody tr")


def test_differences_are_printed_with_their_rows_and_without_what_is_pressed(
    desk: Page, address: str
) -> None:
    on_paper(desk, f"{address}/exceptions/")
    expect(rows(desk)).to_have_count(13)
    for row in rows(desk).all():
        expect(row).to_be_visible()
    expect(desk.locator("tfoot")).to_be_visible()
    for hidden in ("button", "form.filters", ".several", ".keys", "nav"):
        for each in desk.locator(hidden).all():
            expect(each).to_be_hidden()
    expect(desk.get_by_text("All kinds 13")).to_be_visible()
    photograph(desk, "print-exceptions")


def test_every_table_of_a_page_is_on_its_sheet(desk: Page, address: str, day: Day) -> None:
    """No form, and nothing else that paper leaves out, takes a table with it."""
    pages = (
        *("day/2026-11-22", "exceptions/", "suspense/", "checks/", "payments/", "imports/", "closings/"),
        *("closings/2026-11-22", "reports/", "members/", "reviews/", "inbox/", "queues/", "audit/"),
        *(f"split/{suspended(day).id}", f"suspense/{suspended(day).id}", f"members/{day.members[0]}"),
    )
    seen = 0
    desk.set_viewport_size(SHEET)
    for each in pages:
        on_paper(desk, f"{address}/{each}")
        assert fits(desk), each
        for table in desk.locator("table").all():
            expect(table).to_be_visible()
            seen += 1
    assert seen >= 15


def test_the_proof_on_paper_names_its_wallet_and_who_closed_the_day(
    desk: Page, address: str, parts: Services
) -> None:
    close_the_day(parts)
    enter(desk, address, "supervisor@fund.example")
    on_paper(desk, f"{address}/closings/2026-11-22")
    heading = desk.get_by_role("heading", level=1)
    expect(heading).to_have_text("Proof of Sunday 22 November 2026 · M-Pesa 174379")
    expect(desk.get_by_text("Closed by operator")).to_be_visible()
    expect(desk.get_by_text("MTN MoMo")).to_be_hidden()
    photograph(desk, "print-closing")
    on_paper(desk, f"{address}/closings/2026-11-22?account=mtn:MTNFUND")
    expect(heading).to_have_text("Proof of Sunday 22 November 2026 · MTN MoMo MTNFUND")


def test_the_wallet_that_a_page_is_about_stands_out_by_shape_and_weight(desk: Page, address: str) -> None:
    desk.goto(f"{address}/closings/?account=mtn:MTNFUND")
    links = desk.get_by_role("navigation", name="Wallet").get_by_role("link")
    expect(links).to_have_text(["M-Pesa 174379", "MTN MoMo MTNFUND"])
    chosen, other = links.nth(1), links.nth(0)
    expect(chosen).to_have_attribute("aria-current", "true")
    expect(chosen.locator("svg")).to_be_visible()
    expect(other.locator("svg")).to_have_count(0)
    weights = [int(each.evaluate("e => getComputedStyle(e).fontWeight")) for each in (chosen, other)]
    assert weights[0] > weights[1]
    photograph(desk, "wallets")


def test_a_phone_shows_the_page_and_the_menu_when_it_is_asked_for(desk: Page, address: str) -> None:
    menu = desk.locator("summary", has_text="Menu")
    pages = desk.get_by_role("navigation", name="Pages")
    expect(menu).to_be_hidden()
    expect(pages).to_be_visible()
    desk.set_viewport_size(PHONE)
    desk.goto(f"{address}/exceptions/")
    expect(pages).to_be_hidden()
    top = desk.get_by_role("heading", level=1).bounding_box()
    assert top is not None
    assert top["y"] < PHONE["height"] / 6
    photograph(desk, "narrow-menu-folded")
    menu.click()
    expect(pages.get_by_role("link", name="Closings")).to_be_visible()
    assert fits(desk)
    photograph(desk, "narrow-menu")
    pages.get_by_role("link", name="Closings").click()
    desk.get_by_role("heading", name="Closings").wait_for()
    expect(pages).to_be_hidden()


def test_every_table_on_a_phone_is_as_wide_as_the_phone_and_scrolls_by_itself(
    desk: Page, address: str, parts: Services
) -> None:
    with parts.sessions.begin() as session:
        for number, words in enumerate(MESSAGES):
            session.add(a_message(parts, number, words))
    desk.set_viewport_size(PHONE)
    for part in ("inbox", "exceptions", "closings", "reports", "queues", "payments", "imports", "suspense"):
        desk.goto(f"{address}/{part}/")
        assert fits(desk), part
        for box in desk.locator(".scroll").all():
            place = box.bounding_box()
            assert place is not None
            assert place["x"] + place["width"] <= PHONE["width"], part
        photograph(desk, f"narrow-{part}")
    desk.goto(f"{address}/inbox/")
    for button in desk.locator("td button").all():
        button.scroll_into_view_if_needed()
        expect(button).to_be_in_viewport(ratio=1)


def a_message(parts: Services, number: int, words: str) -> InboundMessageRow:
    return InboundMessageRow(
        id=new_id(),
        provider_id=f"sms-{number}",
        sender=f"+25473300011{number}",
        sender_index=f"x{number}",
        text=words,
        keyword="unknown",
        answered=False,
        received_at=parts.clock.now() - timedelta(minutes=number),
    )
