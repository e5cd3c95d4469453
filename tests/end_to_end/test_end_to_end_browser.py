"""The whole job with the eyes of people: a rider on a phone in the browser, then an officer on the dashboard.

`SCREENSHOTS=docs/images bin/test tests/end_to_end/test_end_to_end_browser.py` writes the README's pictures.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.end_to_end.stack import Stack
from tests.end_to_end.waiting import wait_for

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NUMBER = "+254712345678"
NATIONAL_ID = "12345678"
PIN = "4926"
PASSWORD = "little-by-little-fills-the-measure"
PATIENCE_MILLISECONDS = 30_000


@pytest.fixture
def page() -> Iterator[Page]:
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        browser.close()
    assert complaints == []


def picture(page: Page, name: str) -> None:
    directory = os.environ.get("SCREENSHOTS")
    if directory:
        Path(directory).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(directory) / f"{name}.png")


class Handset:
    """A phone on the page, worked by its keys as a person would."""

    def __init__(self, page: Page, number: str) -> None:
        self.frame = page.locator(f'[data-testid=phone][data-number="{number}"]')

    def part(self, name: str) -> Locator:
        return self.frame.locator(f'[data-testid="{name}"]')

    def press(self, keys: str) -> None:
        for key in keys:
            self.part(f"key-{key}").click()

    def dial(self, code: str) -> None:
        self.press(code)
        self.part("call").click()

    def answer(self, keys: str, then: str) -> None:
        self.press(keys)
        self.part("soft-left").click()
        self.sees(then)

    def sees(self, words: str) -> None:
        expect(self.part("screen-text")).to_contain_text(words, timeout=PATIENCE_MILLISECONDS)


def test_a_rider_joins_saves_and_hears_of_it_and_an_officer_sees_the_proof(
    own_stack: Stack, page: Page
) -> None:
    own_stack.start()
    page.goto(own_stack.sandbox_url)
    phone = Handset(page, NUMBER)
    phone.dial("*384*96#")
    phone.sees("Choose language")
    phone.answer("2", "May we keep your data")
    picture(page, "phone-joining")
    phone.answer("1", "national ID")
    phone.answer(NATIONAL_ID, "reminders")
    # Reading a screen takes a person longer than the register needs; wait for it as they would.
    own_stack.wait_for_rest()
    phone.answer("1", "Are you W")
    picture(page, "phone-name-found")
    phone.answer("1", "Choose a PIN")
    phone.answer(PIN, "same PIN again")
    phone.answer(PIN, "You are a member")
    phone.part("soft-left").click()

    phone.dial("*384*96*50#")
    phone.sees("Save KES 50")
    phone.answer("1", "M-Pesa prompt")
    expect(phone.part("prompt")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    picture(page, "phone-prompt")
    phone.part("prompt-pin").fill("1234")
    phone.part("prompt-pay").click()
    receipt = phone.part("sms-text").filter(has_text="received KES 50")
    expect(receipt).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    page.mouse.wheel(0, 400)
    picture(page, "phone-receipt")

    wait_for(lambda: own_stack.command("ledger", "proof")["acknowledged"] == 1, "the fund's word")
    own_stack.add_staff("amina@fund.example", "Amina Wairimu", "supervisor", PASSWORD)
    page.goto(f"{own_stack.web_url}/dashboard/")
    page.get_by_label(re.compile("e-mail", re.IGNORECASE)).fill("amina@fund.example")
    page.get_by_label(re.compile("password", re.IGNORECASE)).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("All of it is at the fund.")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    figures = page.get_by_text("KES 50", exact=True)
    assert figures.count() >= 4
    picture(page, "dashboard-first-day")
    own_stack.stop()
