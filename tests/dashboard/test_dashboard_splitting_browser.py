"""Dividing a payment in a real browser: what is left is counted while somebody types."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from dashboard.services import Services
from tests.dashboard.a_day import Day
from tests.dashboard.test_dashboard_browser import address, enter, fits, page, photograph
from tests.dashboard.test_dashboard_work import REASON, suspended

__all__ = ["address", "page"]

pytestmark = pytest.mark.browser


def test_a_payment_is_divided_by_somebody_who_types(
    page: Page, address: str, staff: Callable[[str], str], day: Day, parts: Services
) -> None:
    receipt = suspended(day)
    third = receipt.amount_cents // 300
    enter(page, address, staff("officer"))
    page.goto(f"{address}/suspense/{receipt.id}")
    photograph(page, "suspense-receipt")
    page.get_by_role("link", name="Divide it among several members").click()
    page.get_by_role("heading", name="Divide payment").wait_for()
    page.get_by_label("Member number of part 1").fill(day.numbers[0])
    page.get_by_label("Amount of part 1").fill(str(third))
    page.get_by_label("Member number of part 2").fill(day.numbers[3])
    page.get_by_label("Amount of part 2").fill(f"{third}.50")
    left = receipt.amount_cents - 2 * third * 100 - 50
    expect(page.locator("[data-rest]")).to_have_text(f"{left / 100:,.2f}")
    page.get_by_label("Amount of part 3").fill("1,50")
    expect(page.locator("[data-rest]")).to_have_text(f"{left / 100:,.2f}")
    page.get_by_label("Member number of part 3").fill("400000009")
    page.get_by_label("Amount of part 3").fill("1")
    page.get_by_role("button", name="Show names and what is left").click()
    page.get_by_text("No member has this number").first.wait_for()
    assert page.get_by_label("Amount of part 2").input_value() == f"{third}.50"
    assert fits(page)
    photograph(page, "split-fault")
    page.get_by_label("Member number of part 3").fill("")
    page.get_by_label("Amount of part 3").fill("")
    page.get_by_label("Reason").fill(REASON)
    page.get_by_role("button", name="Show names and what is left").click()
    page.get_by_text("P**** W*****").wait_for()
    photograph(page, "split")
    page.get_by_role("button", name="Divide", exact=True).click()
    page.get_by_text("Done.").wait_for()
    expect(page.get_by_role("row").filter(has_text=f"{receipt.receipt}-3")).to_be_visible()
    assert fits(page)
    photograph(page, "split-done")
    page.goto(f"{address}/payments/{receipt.id}")
    photograph(page, "split-payment")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address}/split/{next(one.id for one in day.receipts[30:] if one.member_id is None)}")
    assert fits(page)
    photograph(page, "split-narrow")
