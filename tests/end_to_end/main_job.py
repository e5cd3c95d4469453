"""The main job with a clock: `python -m tests.end_to_end.main_job` starts a house, and four people save."""

import sys
import time
from pathlib import Path

from tests.end_to_end.conftest import open_directory
from tests.end_to_end.phones import Phone
from tests.end_to_end.stack import Stack
from tests.end_to_end.waiting import wait_for

_ACKNOWLEDGED = "SELECT count(*) FROM registry_postings WHERE state = 'acknowledged'"
_RECEIPT = {"en": "received KES 50, receipt", "sw": "tumepokea KES 50, risiti"}


def main() -> int:
    """Print, for each, the seconds from the PIN at the prompt to the receipt SMS and the registry's word."""
    with open_directory() as directory:
        stack = Stack(Path(directory))
        try:
            began = time.monotonic()
            stack.start()
            _say(f"ready after {time.monotonic() - began:.1f} s")
            for language in ("en", "sw", "en", "sw"):
                _say(f"{language}: {_saved(stack, language)}")
            _say(f"{stack.proof()}")
            stack.stop()
        finally:
            stack.destroy()
    return 0


def _saved(stack: Stack, language: str) -> str:
    phone = Phone(stack, stack.new_number())
    phone.join(stack.new_person()["id"], language)
    phone.dial()
    phone.answer("1")
    phone.choose("KES 50")
    phone.answer("1")
    phone.wait_for_prompt()
    before, began = stack.count(_ACKNOWLEDGED), time.monotonic()
    phone.pay()
    told = phone.wait_for_sms(_RECEIPT[language])
    told_after = time.monotonic() - began
    wait_for(lambda: stack.count(_ACKNOWLEDGED) > before, "the registry's word", otherwise=stack.explain)
    return f"SMS after {told_after:.1f} s, acknowledged after {time.monotonic() - began:.1f} s: {told}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
