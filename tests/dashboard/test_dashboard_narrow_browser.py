"""What fits: the whole side bar on a small laptop, and on a phone a hint that a table goes on sideways."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.dashboard.a_day import Day
from tests.dashboard.test_dashboard_browser import address, enter, fits, page, photograph

__all__ = ["address", "page"]

pytestmark = pytest.mark.browser


def test_the_side_bar_fits_a_small_laptop_down_to_signing_out_and_a_table_says_that_it_goes_on(
    page: Page, address: str, staff: Callable[[str], str], day: Day
) -> None:
    enter(page, address, staff("supervisor"))
    out = page.get_by_role("button", name="Sign out")
    out.wait_for()
    photograph(page, "side-bar")
    box = out.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 720
    assert page.evaluate("(s => s.scrollHeight <= s.clientHeight)(document.querySelector('.side'))")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address}/exceptions/")
    assert fits(page)
    photograph(page, "narrow-hint")
    shades = "getComputedStyle(document.querySelector('.scroll')).backgroundAttachment"
    assert page.evaluate(shades) == "local, local, scroll, scroll, scroll"
