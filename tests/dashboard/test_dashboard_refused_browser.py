"""A decision typed in a real browser, with the page's script and without: the number chooses its member."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from dashboard.services import Services
from tests.dashboard.a_day import Day
from tests.dashboard.test_dashboard_browser import _CHROMIUM, _FLAGS, address, enter, fits, photograph
from tests.dashboard.test_dashboard_claims import a_claim
from tests.dashboard.test_dashboard_unmask import a_message
from tests.dashboard.test_dashboard_work import REASON, count, suspended

__all__ = ["address"]

pytestmark = pytest.mark.browser


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        yield browser.new_page(
            viewport={"width": 1280, "height": 720}, color_scheme="light", java_script_enabled=request.param
        )
        browser.close()


def test_a_typed_number_is_decided_about_and_what_is_refused_is_kept(
    page: Page,
    address: str,
    staff: Callable[[str], str],
    day: Day,
    parts: Services,
) -> None:
    enter(page, address, staff("officer"))
    page.goto(f"{address}/payments/{suspended(day).id}")
    photograph(page, "payment-decide")
    page.get_by_role("link", name="Decide or correct").click()
    page.get_by_label("Member number").fill("400000009")
    page.locator("#reason").fill(REASON)
    page.get_by_role("button", name="Decide").click()
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("No member has this number")
    # The page opens where the fault is named, beside what was typed.
    expect(refusal).to_be_focused()
    expect(refusal).to_be_in_viewport()
    expect(page.get_by_label("Member number")).to_have_value("400000009")
    expect(page.locator("input[value=match]")).to_be_checked()
    expect(page.locator("#reason")).to_have_value(REASON)
    assert count(parts) == 0
    page.get_by_label("Member number").fill(day.numbers[0])
    page.get_by_role("button", name="Decide").click()
    page.get_by_text("With a member").wait_for()
    photograph(page, "credited-decided")
    assert count(parts) == 1


def test_typing_a_number_ticks_its_choice(
    page: Page,
    address: str,
    staff: Callable[[str], str],
    day: Day,
    request: pytest.FixtureRequest,
) -> None:
    has_script = request.node.callspec.params["page"]
    enter(page, address, staff("officer"))
    page.goto(f"{address}/suspense/{suspended(day).id}")
    page.get_by_label("Refund the payer").check()
    page.get_by_label("Member number").press_sequentially("40")
    expect(page.locator("input[value=match]")).to_be_checked(checked=has_script)


def test_claims_messages_and_the_receipt_fit_a_narrow_window(
    page: Page,
    address: str,
    staff: Callable[[str], str],
    day: Day,
    parts: Services,
) -> None:
    a_claim(parts, day)
    a_message(parts)
    enter(page, address, staff("officer"))
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("suspense/", f"suspense/{suspended(day).id}", "inbox/", f"payments/{suspended(day).id}"):
        page.goto(f"{address}/{path}")
        for summary in page.locator("summary").all():
            summary.click()
        assert fits(page), path
        photograph(page, f"narrow-{path.split('/')[0]}-{len(path)}")
