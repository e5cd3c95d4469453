"""A person with a feature phone, in front of the sandbox's JSON interface."""

import re
from dataclasses import dataclass
from typing import Any

from tests.end_to_end.stack import SERVICE_CODE, Stack
from tests.end_to_end.waiting import PATIENCE_SECONDS, wait_for

PIN = "4826"
WALLET_PIN = "1234"
_LANGUAGES = {"sw": "1", "en": "2"}
_NUMBER = re.compile(r"4\d\d ?\d{3} ?\d{3}")


@dataclass
class Phone:
    """A handset with its SIM. Screens are texts as shown; `ended` tells whether the dialogue is over."""

    stack: Stack
    number: str
    screen: str = ""
    ended: bool = True

    def dial(self, tail: str = "") -> str:
        """Dial the service code, or a string that goes on with `tail`."""
        code = SERVICE_CODE if not tail else f"{SERVICE_CODE.removesuffix('#')}*{tail}#"
        return self._shown(self.stack.sandbox("POST", f"/phones/{self.number}/dial", {"code": code}))

    def answer(self, *texts: str) -> str:
        """Type each of `texts`; the last screen."""
        screen = ""
        for text in texts:
            screen = self._shown(self.stack.sandbox("POST", f"/phones/{self.number}/answer", {"text": text}))
        return screen

    def choose(self, option: str) -> str:
        """Type the number that stands before `option` on the screen."""
        numbers = [line.split(" ", 1) for line in self.screen.splitlines()]
        (number,) = [words[0] for words in numbers if words[1:] == [option]]
        return self.answer(number)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.stack.sandbox("GET", f"/phones/{self.number}")
        return found

    def sms(self) -> list[str]:
        """SMS of the gateway to this phone, oldest first."""
        return [one["text"] for one in self.stack.sandbox("GET", "/sms", to=self.number)]

    def wait_for_sms(self, *words: str, seconds: float = PATIENCE_SECONDS) -> str:
        """The first SMS with all of `words`."""

        def look() -> str | None:
            return next((text for text in self.sms() if all(word in text for word in words)), None)

        return wait_for(
            look,
            f"an SMS with {words}",
            seconds=seconds,
            otherwise=lambda: f"{self.sms()}{self.stack.explain()}",
        )

    def send_sms(self, text: str) -> None:
        self.stack.sandbox("POST", f"/phones/{self.number}/sms", {"to": "20384", "text": text})

    def wait_for_prompt(self) -> dict[str, Any]:
        return wait_for(
            lambda: self.state()["prompt"], f"a prompt on {self.number}", otherwise=self.stack.explain
        )

    def pay(self, pin: str = WALLET_PIN) -> dict[str, Any]:
        """Enter the wallet PIN when the prompt is there; the wallet's result."""
        self.wait_for_prompt()
        result: dict[str, Any] = self.stack.sandbox("POST", f"/phones/{self.number}/prompt", {"pin": pin})[
            "result"
        ]
        return result

    def refuse(self) -> None:
        """Cancel the prompt when it is there."""
        self.wait_for_prompt()
        self.stack.sandbox("POST", f"/phones/{self.number}/prompt", {"cancel": True})

    def save(self, shillings: int) -> None:
        """Ask to save by the short way, in English; the prompt follows. AssertionError when it will not."""
        assert f"Save KES {shillings:,}" in self.dial(str(shillings))
        assert "You will now get an M-Pesa prompt" in self.answer("1")

    def balance(self) -> str:
        """The screen with the balance, behind the PIN."""
        self.dial("01")
        return self.answer(PIN)

    def payments(self) -> str:
        """The first page of the statement, behind the PIN."""
        self.dial("02")
        return self.answer(PIN)

    def type_id(self, national_id: str, language: str = "en") -> str:
        """Dial as a newcomer and give an ID; the question about reminders, while the look-up runs."""
        self.dial()
        return self.answer(_LANGUAGES[language], "1", national_id)

    def give_id(self, national_id: str, language: str = "en") -> str:
        """Give an ID, and refuse reminders when the look-up has ended; what comes of the ID."""
        self.type_id(national_id, language)
        wait_for(
            lambda: not self.stack.pending().get("identity"), "the look-up", otherwise=self.stack.explain
        )
        return self.answer("2")

    def join(self, national_id: str, language: str = "en") -> str:
        """Join as whoever has this ID; the member number."""
        name = self.give_id(national_id, language)
        assert "*" in name, name
        self.answer("1")
        return self.choose_pin()

    def choose_pin(self) -> str:
        """Give the PIN twice; the member number."""
        welcome = self.answer(PIN, PIN)
        found = _NUMBER.search(welcome)
        assert found, welcome
        assert self.ended
        return found.group().replace(" ", "")

    def _shown(self, state: dict[str, Any]) -> str:
        screen = state["screen"]
        assert screen["kind"] in {"menu", "final"}, screen
        self.ended = screen["kind"] == "final"
        self.screen = screen["text"]
        return self.screen


def new_member(stack: Stack, language: str = "en") -> tuple[Phone, str]:
    """Somebody who has just joined, and their member number."""
    phone = Phone(stack, stack.new_number())
    return phone, phone.join(stack.new_person()["id"], language)
