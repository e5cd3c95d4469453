"""What is logged names nobody: numbers of people are masked wherever they stand, values dropped by name."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.logging import configure_logging, log

Logged = Callable[[], dict[str, Any]]


@pytest.fixture
def logged() -> Iterator[Logged]:
    """The last line that was logged, as it was written."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure_logging("web", logging.DEBUG)
    stream = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield lambda: json.loads(stream.getvalue().splitlines()[-1])
    root.handlers[:], root.level = before


@pytest.mark.parametrize(
    "number",
    [
        "1234567",
        "38415926",
        "412345678",
        "412 345 678",
        "0712345678",
        "0712 345 678",
        "0712-345-678",
        "254712345678",
        "+254712345678",
        "+254 712 345 678",
    ],
)
@pytest.mark.parametrize("around", ["{}", "no member has {}!", "Key (phone)=({}) exists", "id:{},", "a/{}/b"])
def test_no_number_of_a_person_is_logged_wherever_it_stands(logged: Logged, number: str, around: str) -> None:
    says = around.format(number)
    log.warning("it failed", reason=says)
    assert logged()["reason"] == around.format(f"*****{number[-3:]}")
    logging.getLogger("a library").warning("it said %s", says)
    assert number not in logged()["event"]
    log.error("it broke", exc_info=ValueError(says))
    line = logged()
    assert "ValueError" in line["exception"]
    assert number not in json.dumps(line)


@pytest.mark.parametrize(
    "said",
    [
        "01932f00-0000-7000-8000-000000000007",
        "SKM1A2B3C4",
        "ws_CO_191220191020363925",
        "2026-11-22T09:00:00+00:00",
        "8a4f1234567b",
        "HTTP 503 after 120000 ms, 3 of 999999",
    ],
)
def test_what_helps_to_find_a_fault_stays_readable(logged: Logged, said: str) -> None:
    log.warning("it failed", reason=said, shortcode="5123456", task="0193")
    assert (logged()["reason"], logged()["shortcode"]) == (said, "5123456")


@pytest.mark.parametrize("name", ["phone", "number", "national_id", "pin", "account", "masked_name", "text"])
def test_what_a_name_says_is_personal_is_not_logged(logged: Logged, name: str) -> None:
    log.warning("it failed", **{name: "4826"})
    assert logged()[name] == "****"


def test_a_line_is_one_object_of_what_happened_where_and_when(logged: Logged) -> None:
    log.warning("100% of it failed", wallet="mpesa", attempt=3, odd=frozenset(), process="another")
    line = logged()
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() == timedelta(0)
    assert line == {
        "event": "100% of it failed",
        "wallet": "mpesa",
        "attempt": 3,
        "odd": "frozenset()",
        "process": "web",
        "level": "warning",
    }


def test_a_library_is_told_of_in_the_same_form(logged: Logged) -> None:
    try:
        int("0712 345 678")
    except ValueError:
        logging.getLogger("a library").exception("it broke: %d", 3)
    line = logged()
    assert (line["event"], line["level"], line["process"]) == ("it broke: 3", "error", "web")
    assert line["exception"].endswith("with base 10: '*****678'")
