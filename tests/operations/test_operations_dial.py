"""The phone in the terminal."""

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.clock import FundCalendar
from messages.templates import FundWords, Texts
from operations.commands.dial import Handset, Line
from operations.commands.handset import COLUMNS, draw_message, draw_screen


def prompt_of(text: str) -> dict[str, Any]:
    return {"text": text, "wallet": "M-PESA", "amount_cents": 5000}


class Network(Line):
    """A line whose other end is this list of screens. What is sent is kept."""

    def __init__(self, screens: list[tuple[str, bool]], prompt: str | None = None) -> None:
        self.sent: list[tuple[str, dict[str, object]]] = []
        self._screens = iter(screens)
        self._screen: dict[str, Any] | None = None
        self._prompt = prompt_of(prompt) if prompt else None
        self._sms: list[dict[str, str]] = []

    def _hears(self, text: str, by: str = "gateway") -> None:
        message = {"id": str(len(self._sms)), "by": by, "from": "MPESA" if by == "wallet" else "HABA"}
        self._sms.append(message | {"text": text, "direction": "out" if by == "phone" else "in"})

    def state(self) -> dict[str, Any]:
        purse = {"currency": "KES"}
        return {"screen": self._screen, "prompt": self._prompt, "sms": list(self._sms), "wallet": purse}

    def do(self, what: str, **body: object) -> dict[str, Any]:
        self.sent.append((what, body))
        if what in {"dial", "answer"}:
            text, is_open = next(self._screens)
            self._screen = {
                "text": text,
                "open": is_open,
                "kind": "menu" if is_open else "final",
                "error": "",
            }
        if what == "prompt":
            self._prompt = None
            self._hears("Tumepokea KES 50")
            return self.state() | {"result": {"code": 0, "text": "done"}}
        return self.state()


def typing(*lines: str) -> Iterator[str]:
    return iter(lines)


def use(network: Network, *lines: str) -> list[tuple[str, bool]]:
    """Let these lines be typed; returns the questions, and whether the answer was hidden."""
    waiting = typing(*lines)
    asked = []

    def typed(question: str, hidden: bool) -> str | None:
        asked.append((question, hidden))
        return next(waiting, None)

    Handset(network, 5.0, typed).use("*384*96#")
    return asked


def test_a_dialogue_is_shown_screen_by_screen(capsys: pytest.CaptureFixture[str]) -> None:
    network = Network([("Karibu.\n1 Weka", True), ("Asante.", False)], prompt="Pay Ksh 50?")
    use(network, "1", "1234")
    assert network.sent == [
        ("dial", {"code": "*384*96#"}),
        ("answer", {"text": "1"}),
        ("prompt", {"pin": "1234"}),
    ]
    shown = capsys.readouterr().out
    places = [shown.index(text) for text in ("Karibu.", "Asante.", "Pay Ksh 50?", "Tumepokea KES 50")]
    assert places == sorted(places)


def test_pins_are_hidden_and_choices_are_not() -> None:
    network = Network(
        [("Badili PIN?\n1 Ndio", True), ("Weka PIN.\n0 Rudi", True), ("Asante.", False)], "Pay?"
    )
    asked = use(network, "1", "2580", "1234")
    assert asked[:3] == [("answer", False), ("answer", True), ("M-PESA PIN", True)]


def test_an_empty_answer_refuses_a_prompt() -> None:
    network = Network([("Asante.", False)], prompt="Pay?")
    use(network, "")
    assert network.sent[-1] == ("prompt", {"cancel": True})


def test_the_end_of_input_hangs_up() -> None:
    network = Network([("Karibu.\n1 Weka", True)], prompt="Pay?")
    use(network)
    assert ("cancel", {}) in network.sent


def test_a_screen_tells_its_septets() -> None:
    drawn = draw_screen("Karibu.\n1 Weka", "menu")
    assert "answer · 14 ┘" in drawn
    assert {len(line) for line in drawn.splitlines()} == {COLUMNS + 4}


def test_long_words_and_long_senders_stay_in_the_frame() -> None:
    drawn = draw_message("HABA", "x" * 100)
    assert {len(line) for line in drawn.splitlines()} == {COLUMNS + 4}


def test_a_promised_prompt_is_waited_for_whatever_comes_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    class Busy(Network):
        """Other news come first, then the prompt."""

        looks = 0

        def state(self) -> dict[str, Any]:
            if self._screen and not self._screen["open"]:
                self.looks += 1
                if self.looks == 2:
                    self._hears("Jina lako limethibitishwa.")
                    self._hears("what I wrote myself", "phone")
                self._prompt = prompt_of("Pay Ksh 50?") if self.looks == 4 else self._prompt
            return super().state()

    network = Busy([("Enter your M-Pesa PIN there.", False)])
    assert use(network, "1234", "")[0] == ("M-PESA PIN", True)
    assert ("prompt", {"pin": "1234"}) in network.sent
    shown = capsys.readouterr().out
    assert "Jina lako limethibitishwa." in shown
    assert "what I wrote myself" not in shown


class Slow(Network):
    """The wallet's own SMS comes with the payment, the fund's after other news, some looks later."""

    def __init__(self, wallets_word: str, funds_word: str) -> None:
        super().__init__([("Enter your M-Pesa PIN there.", False)], prompt="Pay Ksh 50?")
        self._words = (wallets_word, funds_word)
        self.looks_after_payment = 0

    def state(self) -> dict[str, Any]:
        if ("prompt", {"pin": "1234"}) in self.sent:
            self.looks_after_payment += 1
            if self.looks_after_payment == 2:
                self._hears("Haba Fund: KES 500 of your saving plan is left.")
            if self.looks_after_payment == 4:
                self._hears(self._words[1])
        return super().state()

    def do(self, what: str, **body: object) -> dict[str, Any]:
        if what != "prompt":
            return super().do(what, **body)
        self.sent.append((what, body))
        self._prompt = None
        self._hears(self._words[0], "wallet")
        return super().state() | {"result": {"code": 0, "text": "done"}}


@pytest.mark.parametrize("language", ["en", "sw"])
@pytest.mark.parametrize("told", ["receipt", "prompt_wrong_pin"])
def test_the_funds_word_on_a_payment_is_waited_for_and_ends_the_waiting(
    told: str, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = Texts(FundWords("Haba", "*384*96#", "0800720000"), FundCalendar(ZoneInfo("Africa/Nairobi")))
    values = {"amount_cents": 5000, "balance_cents": 12500, "receipt": "UKUP4OB4BH"}
    word = texts.render(told, language, values | {"as_of": "2026-11-30T18:40:00+00:00"})
    network = Slow("UKUP4OB4BH: KES 50 of Ksh50.00", word)
    use(network, "1234")
    shown = capsys.readouterr().out
    places = [shown.index(text) for text in ("UKUP4OB4BH: KES 50", "saving plan", word[:20])]
    assert places == sorted(places)
    assert network.looks_after_payment == 4


def test_a_wallet_pin_of_another_length_is_asked_for_again(capsys: pytest.CaptureFixture[str]) -> None:
    network = Network([("Asante.", False)], prompt="Pay?")
    asked = use(network, "123", "12345", "1234", "")
    assert [prompt for prompt, _ in asked[:3]] == ["M-PESA PIN"] * 3
    assert ("prompt", {"pin": "1234"}) in network.sent
    assert "four digits" in capsys.readouterr().out
