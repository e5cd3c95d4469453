"""The phones in a real browser."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Locator, Page, expect, sync_playwright
from werkzeug.wrappers import Response

from sandbox.clock import compact
from sandbox.listener import Heard, Listener
from sandbox.testing import running_sandbox

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def sandbox_url(tmp_path: Path, gateway: Listener) -> Iterator[str]:
    def answer(heard: Heard) -> Response | None:
        if not heard.path.endswith("/ussd"):
            return None
        text = heard.body["text"]
        return Response("CON Karibu\n1 Save" if not text else f"END You typed {text}")

    gateway.answer = answer
    with running_sandbox(tmp_path / "page", target=gateway.url) as url:
        yield url


@pytest.fixture
def page(sandbox_url: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        opened = browser.new_page()
        complaints: list[str] = []
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        opened.goto(sandbox_url)
        yield opened
        browser.close()
        assert complaints == []


def push(url: str, gateway_url: str) -> None:
    """An STK push of KES 50 to the first phone, as the gateway would send it."""
    stamp = compact(time.time())
    password = base64.b64encode(f"174379sandbox-passkey{stamp}".encode()).decode()
    generate = f"{url}/daraja/oauth/v1/generate?grant_type=client_credentials"
    token = requests.get(generate, auth=("sandbox-key", "sandbox-secret"), timeout=30).json()["access_token"]
    body = {
        "BusinessShortCode": "174379",
        "Password": password,
        "Timestamp": stamp,
        "TransactionType": "CustomerPayBillOnline",
        "Amount": 50,
        "PartyA": "254712345678",
        "PartyB": "174379",
        "PhoneNumber": "254712345678",
        "CallBackURL": f"{gateway_url}/hooks/dev/stk",
        "AccountReference": "400000018",
    }
    headers = {"Authorization": f"Bearer {token}"}
    requests.post(f"{url}/daraja/mpesa/stkpush/v1/processrequest", json=body, headers=headers, timeout=30)


def phone(page: Page, number: str = "+254712345678") -> Locator:
    return page.locator(f'[data-testid=phone][data-number="{number}"]')


def test_a_menu_is_dialled_and_answered_with_the_keys(page: Page) -> None:
    one = phone(page)
    for key in "*384*96#":
        one.get_by_test_id(f"key-{key}").click()
    one.get_by_test_id("call").click()
    expect(one.get_by_test_id("screen-text")).to_have_text("Karibu\n1 Save")
    one.get_by_test_id("key-1").click()
    one.get_by_test_id("call").click()
    expect(one.get_by_test_id("screen-text")).to_have_text("You typed 1")
    one.get_by_test_id("end").click()
    expect(one).to_have_attribute("data-mode", "idle")


def test_a_prompt_pops_up_and_takes_the_pin(page: Page, sandbox_url: str, gateway: Listener) -> None:
    push(sandbox_url, gateway.url)
    one = phone(page)
    expect(one.get_by_test_id("prompt")).to_be_visible()
    one.get_by_test_id("prompt-pin").fill("1234")
    one.get_by_test_id("prompt-pay").click()
    expect(one.get_by_test_id("prompt")).to_be_hidden()
    expect(one.get_by_test_id("balance")).to_have_text("KES 9,950.00")
    expect(one.get_by_test_id("sms").first).to_contain_text("Confirmed. Ksh50.00 sent to")


def test_another_sim_and_another_phone_can_be_used(page: Page) -> None:
    page.get_by_test_id("number").first.fill("0799 000 111")
    page.get_by_test_id("number").first.press("Enter")
    expect(phone(page, "+254799000111")).to_have_count(1)
    before = page.get_by_test_id("phone").count()
    page.get_by_test_id("new-phone").click()
    expect(page.get_by_test_id("phone")).to_have_count(before + 1)
    page.reload()
    expect(page.get_by_test_id("phone")).to_have_count(before + 1)


def test_a_message_is_written_and_one_arrives(page: Page, sandbox_url: str, gateway: Listener) -> None:
    one = phone(page)
    one.get_by_test_id("write").click()
    one.get_by_test_id("sms-body").fill("BAL")
    one.get_by_test_id("sms-send").click()
    expect(one.get_by_test_id("sms").first).to_contain_text("BAL")
    form = {"username": "sandbox", "to": "+254712345678", "message": "Habari", "from": "KIBABA"}
    url = f"{sandbox_url}/africastalking/version1/messaging"
    requests.post(url, data=form, headers={"apiKey": "sandbox-at-key"}, timeout=30)
    expect(one.get_by_test_id("sms").first).to_contain_text("Habari")
    expect(one.get_by_test_id("notice")).to_contain_text("KIBABA")
    assert gateway.at("/africastalking/sms")[0]["text"] == "BAL"


def test_people_are_offered_by_their_number(page: Page) -> None:
    expect(page.get_by_test_id("person").first).to_contain_text("Wanjiku Njeri Mwangi")
    expect(page.get_by_test_id("person").first).to_have_attribute("data-id", "12345678")
