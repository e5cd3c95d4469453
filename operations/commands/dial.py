"""`bin/kibaba dial NUMBER`: a phone in the terminal, beside the sandbox that plays the network."""

import os
import re
import select
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from urllib.parse import quote

import click
import requests

from core.money import Money
from operations.commands.handset import draw_message, draw_prompt, draw_screen
from operations.house import described
from operations.state import state_from_environment
from operations.trouble import TroubleError

_WALLET_PIN = re.compile("[0-9]{4}")
ANSWER_SECONDS_MAX = 15.0
POLL_SECONDS = 0.3

State = dict[str, Any]
Message = dict[str, str]


@click.command()
@click.argument("number")
@click.argument("code", default="*384*96#")
@click.option("--wait", "wait_seconds", default=12.0, help="Seconds to wait for a prompt or an SMS.")
@click.option("--sandbox", "url", help="Where the sandbox is (that of the running bin/run).")
def dial(number: str, code: str, wait_seconds: float, url: str | None) -> None:
    """Dial CODE from the phone NUMBER and go on by typing answers; also from a pipe, one answer a line.

    An empty line at `answer:` is sent like any other answer: no screen takes it, so the same one comes again,
    the first one without a word. To a payment prompt it is a refusal, and at `dial:` it leaves.

    Ctrl-D, or the end of the pipe, hangs up at `answer:`, refuses a payment prompt, and leaves at `dial:`.
    Ctrl-C leaves at once, wherever it is typed.
    """
    state = state_from_environment()
    found = url or described(state).get("KIBABA_SANDBOX_URL")
    if found is None:
        raise TroubleError("no bin/run with a sandbox is running; start it, or name one with --sandbox")
    Handset(Line(found, number), wait_seconds, _typed).use(code)


class Line:
    """The phone's line to the sandbox. Raises TroubleError when it is cut, or when the sandbox refuses."""

    def __init__(self, url: str, number: str) -> None:
        self._url = f"{url.rstrip('/')}/phones/{quote(number, safe='')}"
        self._http = requests.Session()

    def state(self) -> State:
        return self._call("GET", "")

    def do(self, what: str, **body: object) -> State:
        return self._call("POST", f"/{what}", body)

    def _call(self, method: str, path: str, body: dict[str, object] | None = None) -> State:
        try:
            answer = self._http.request(method, self._url + path, json=body, timeout=ANSWER_SECONDS_MAX)
            state: State = answer.json()
        except requests.RequestException as error:
            raise TroubleError("the sandbox does not answer; is bin/run running?") from error
        if not answer.ok:
            raise TroubleError(str(state.get("error", f"the sandbox answered {answer.status_code}")))
        return state


class Handset:
    """Shows what the phone shows and passes on what is typed. `typed` gives None at the end."""

    def __init__(self, line: Line, wait_seconds: float, typed: Callable[[str, bool], str | None]) -> None:
        self._line = line
        self._wait_seconds = wait_seconds
        self._typed = typed
        self._read: set[str] = set()

    def use(self, code: str) -> None:
        """One or more dialogues, until nothing more is typed."""
        self._read = {message["id"] for message in self._line.state()["sms"]}
        dialled: str | None = code
        while dialled:
            last = self._talk(self._line.do("dial", code=dialled))
            if last is not None:
                self._wait_for_more(promised=_promises_a_prompt(last))
            dialled = self._typed("dial", False)

    def _talk(self, state: State) -> str | None:
        """The words of the screen that ended the dialogue; None when the caller hung up."""
        while True:
            state = self._settled(state)
            screen = state["screen"]
            text: str = screen["text"] or screen["error"] or ""
            click.echo(draw_screen(text, screen["kind"]))
            if not screen["open"]:
                return text
            answer = self._typed("answer", _asks_for_a_pin(text))
            if answer is None:
                self._line.do("cancel")
                return None
            state = self._line.do("answer", text=answer)

    def _settled(self, state: State) -> State:
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while state["screen"]["kind"] == "waiting" and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            state = self._line.state()
        return state

    def _wait_for_more(self, *, promised: bool) -> None:
        """Show what comes; a `promised` prompt, and then the fund's word on it, are waited for.

        Other SMS may come before: news of the fund, and the wallet's own about the same payment.
        """
        deadline = time.monotonic() + self._wait_seconds
        asked: Money | None = None
        while time.monotonic() < deadline:
            state = self._line.state()
            new = self._show_new(state["sms"])
            if state["prompt"] is not None:
                self._answer(state["prompt"])
                asked = Money(state["prompt"]["amount_cents"], state["wallet"]["currency"])
                deadline = time.monotonic() + self._wait_seconds
            elif asked is None and new and not promised:
                # Nobody waits after good news.
                return
            elif asked is not None and any(_is_the_funds_word(message, asked) for message in new):
                return
            time.sleep(POLL_SECONDS)

    def _show_new(self, messages: list[Message]) -> list[Message]:
        """Draw the SMS that came since the last look; those, and what was sent meanwhile."""
        new = [message for message in messages if message["id"] not in self._read]
        for message in new:
            self._read.add(message["id"])
            if message["direction"] == "in":
                click.echo(draw_message(message["from"], message["text"]))
        return new

    def _answer(self, prompt: dict[str, Any]) -> None:
        click.echo(draw_prompt(prompt["text"]))
        pin = self._typed(f"{prompt['wallet']} PIN", True)
        while pin and not _WALLET_PIN.fullmatch(pin):
            click.echo("  four digits, or nothing to refuse")
            pin = self._typed(f"{prompt['wallet']} PIN", True)
        done = self._line.do("prompt", **({"pin": pin} if pin else {"cancel": True}))
        click.echo(f"  {done['result']['text']}")


def _is_the_funds_word(message: Message, asked: Money) -> bool:
    """Whether the fund says what became of a payment: by its amount, whole, as every such SMS has it."""
    amount = rf"{re.escape(str(asked))}(?![.,]?\d)"
    return message["by"] == "gateway" and re.search(amount, message["text"]) is not None


def _promises_a_prompt(text: str) -> bool:
    """Whether the last screen says that the wallet will ask for its PIN."""
    return "PIN" in text


def _asks_for_a_pin(text: str) -> bool:
    """A screen about a PIN that offers nothing to choose. What is typed then stays off the terminal."""
    return "PIN" in text and re.search(r"^1 ", text, re.MULTILINE) is None


def _typed(question: str, hidden: bool) -> str | None:
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        click.echo(f"{question}: {'****' if hidden and line.strip() else line.strip()}")
        return line.strip() if line else None
    with _unseen() if hidden else nullcontext():
        click.echo(f"{question}: ", nl=False)
        line = _line()
    if hidden or not line:
        # Neither a Return that is not shown nor Ctrl-D moves the cursor.
        click.echo()
    return line.strip() if line else None


def _line() -> str:
    """What is typed up to Return; nothing for Ctrl-D. Ctrl-C ends it whenever it comes."""
    # A signal just before a reading would be heard only after it. Here it also leaves a byte, which ends the
    # waiting for either.
    heard, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told)
    try:
        while sys.stdin not in select.select([sys.stdin, heard], [], [])[0]:
            os.read(heard, 1)
    finally:
        signal.set_wakeup_fd(before)
        os.close(heard)
        os.close(told)
    return sys.stdin.readline()


@contextmanager
def _unseen() -> Iterator[None]:
    """What is typed does not show."""
    before = termios.tcgetattr(sys.stdin)
    unseen = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, unseen)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, before)
