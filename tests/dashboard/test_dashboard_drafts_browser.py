"""In a browser: what was typed for the decision stays while something else on the page is pressed."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from dashboard.services import Services
from tests.dashboard.a_day import Day
from tests.dashboard.test_dashboard_browser import address, enter, page

__all__ = ["address", "page"]

pytestmark = pytest.mark.browser
REASON = "the payer came to the office with the SMS"


def test_a_reason_outlives_taking_the_difference_and_writing_a_note(
    page: Page, address: str, staff: Callable[[str], str], day: Day, parts: Services
) -> None:
    object.__setattr__(parts, "four_eyes_above_cents", 10**9)
    enter(page, address, staff("officer"))
    page.get_by_role("heading", level=1).wait_for()
    page.goto(f"{address}/exceptions/{day.breaks['amount_differs']}")
    reason, note = page.get_by_label("Reason", exact=True), page.get_by_label("A note for whoever looks next")
    reason.fill(REASON)
    page.get_by_role("radio", name="Explain and settle").check()
    page.get_by_role("button", name="Take").click()
    page.get_by_role("button", name="Give back").wait_for()
    expect(reason).to_have_value(REASON)
    note.fill("they call back at four")
    # Enter writes the note beside it, and decides nothing.
    note.press("Enter")
    page.get_by_role("listitem").filter(has_text="they call back at four").wait_for()
    expect(reason).to_have_value(REASON)
    expect(note).to_have_value("")
    expect(page.get_by_role("radio", name="Explain and settle")).to_be_checked()
    page.get_by_label("Member number").press("Enter")
    expect(page.get_by_role("button", name="Give back")).to_be_visible()
    page.get_by_role("button", name="Decide").click()
    page.get_by_text("Settled with your reason").wait_for()


def test_a_decision_outlives_seeing_the_payer_in_full(
    page: Page, address: str, staff: Callable[[str], str], day: Day
) -> None:
    enter(page, address, staff("officer"))
    page.get_by_role("heading", level=1).wait_for()
    page.goto(f"{address}/suspense/{day.receipts[17].id}")
    reason, why = page.locator("#reason"), page.locator("#unmask-reason")
    reason.fill(REASON)
    page.get_by_label("Member number").fill(day.numbers[1])
    why.fill("they were promised a call")
    # Enter asks for the number beside it, and decides nothing.
    why.press("Enter")
    page.get_by_text("This is in the audit trail").wait_for()
    expect(reason).to_have_value(REASON)
    expect(page.get_by_label("Member number")).to_have_value(day.numbers[1])
