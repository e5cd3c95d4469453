"""The phone in the terminal."""

from collections.abc import Iterator
from typing import Any

import pytest

from operations.commands.dial import Handset, Line
from operations.commands.handset import COLUMNS, draw_message, draw_screen


class Network(Line):
    """A line whose other end is this list of screens. What is sent is kept."""

    def __init__(self, screens: list[tuple[str, bool]], prompt: str | None = None) -> None:
        self.sent: list[tuple[str, dict[str, object]]] = []
        self._screens = iter(screens)
        self._screen: dict[str, Any] | None = None
        self._prompt = {"text": prompt} if prompt else None
        self._sms: list[dict[str, str]] = []

    def _hears(self, text: str, direction: str = "in") -> None:
        self._sms.append({"id": str(len(self._sms)), "from": "HABA", "text": text, "direction": direction})

    def state(self) -> dict[str, Any]:
        return {"screen": self._screen, "prompt": self._prompt, "sms": list(self._sms)}

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
                    self._hears("what I wrote myself", "out")
                self._prompt = {"text": "Pay Ksh 50?"} if self.looks == 4 else self._prompt
            return super().state()

    network = Busy([("Enter your M-Pesa PIN there.", False)])
    assert use(network, "1234", "")[0] == ("M-PESA PIN", True)
    assert ("prompt", {"pin": "1234"}) in network.sent
    shown = capsys.readouterr().out
    assert "Jina lako limethibitishwa." in shown
    assert "what I wrote myself" not in shown
