"""A call on the sandbox phone can be saved as a dialogue, which then is a test like those written by hand."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from werkzeug.wrappers import Response

import menus
from menus.engine.dialogue import replay
from sandbox.listener import Heard, Listener
from sandbox.testing import running_sandbox
from tests.menus.conftest import GIVEN

pytestmark = pytest.mark.browser

DIALOGUES = Path(__file__).parent.parent / "dialogues"
PIN = "9276"


class Script:
    """A gateway that says what a written dialogue says, screen by screen."""

    def __init__(self, name: str) -> None:
        self.written = (DIALOGUES / f"{name}.txt").read_text(encoding="utf-8")
        self.typed: list[str] = []
        self.screens: list[str] = []
        lines: list[str] = []
        for line in [*self.written.splitlines(), "dial"]:
            if line.startswith("<"):
                lines.append(line[2:])
            elif line.startswith("* end"):
                self.screens.append("END " + "\n".join(lines))
                lines = []
            elif line.startswith((">", "dial", "drop")) and lines:
                self.screens.append("CON " + "\n".join(lines))
                lines = []
            if line.startswith(">"):
                self.typed.append(line[2:])
        self.lock = threading.Lock()

    def answer(self, heard: Heard) -> Response | None:
        if not heard.path.endswith("/ussd"):
            return None
        with self.lock:
            return Response(self.screens.pop(0) if self.screens else "END over")

    def spoken(self) -> list[str]:
        """What a phone hears and says of it."""
        return [line for line in self.written.splitlines() if line.startswith(("<", ">", "dial", "*"))]


@pytest.fixture
def page(tmp_path: Path, gateway: Listener) -> Iterator[Page]:
    with running_sandbox(tmp_path / "page", target=gateway.url) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        opened = browser.new_page(accept_downloads=True)
        complaints: list[str] = []
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        opened.goto(url)
        yield opened
        browser.close()
        assert complaints == []


def call(page: Page, script: Script, dialled: str, typed: list[str]) -> str:
    phone = page.get_by_test_id("phone").first
    phone.get_by_test_id("record").click()
    expect(phone.get_by_test_id("record-text")).to_have_value("Dial first.")
    for text in (dialled, *typed):
        shown = script.screens[0][4:]
        phone.get_by_test_id("entry").fill(text)
        phone.get_by_test_id("call").click()
        expect(phone.get_by_test_id("screen-text")).to_have_text(shown)
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / "recorded.png"))
    with page.expect_download() as download:
        phone.get_by_test_id("record-save").click()
    assert download.value.suggested_filename == "recorded_en.txt"
    return Path(download.value.path()).read_text(encoding="utf-8")


def test_a_call_is_recorded_as_it_would_be_written(page: Page, gateway: Listener) -> None:
    script = Script("save_link_en")
    gateway.answer = script.answer
    recorded = call(page, script, "*384*96*200#", script.typed)
    told = [line for line in recorded.splitlines() if line.startswith(("<", ">", "dial", "*"))]
    assert told == script.spoken()
    graph = menus.load_graph()
    played = replay(graph, recorded.replace("given newcomer", "given saver_en"), GIVEN)
    assert "! save amount_cents=20000" in played
    assert [line for line in played.splitlines() if not line.startswith("!")] == recorded.replace(
        "given newcomer", "given saver_en"
    ).splitlines()


def test_a_pin_that_was_typed_is_not_in_the_record(page: Page, gateway: Listener) -> None:
    script = Script("balance_locked_en")
    gateway.answer = script.answer
    recorded = call(page, script, "*384*96*01#", [PIN, "12"])
    assert PIN not in recorded
    assert "\npin 4821\n" in recorded
    assert "> 4821\n" in recorded
    assert "> 12\n" in recorded
