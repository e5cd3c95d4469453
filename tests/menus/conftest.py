"""What the tests of the menus share: the packaged graph, sets of facts by name, a small in-memory menu."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

import menus
from menus.engine.graph import Graph

Files = dict[str, str]
Given = Mapping[str, Mapping[str, Any]]

SCHEME = {
    "fund_name": "Haba Haba Fund",
    "helpline": "0800 123 456",
    "minimum_cents": 1000,
    "maximum_cents": 30_000_000,
    "suggested_cents": [2000, 5000, 10000],
}
PAYMENT_STATES = ("prompted", "received", "confirmed", "posted", "acknowledged", "failed", "unknown")


def member(status: str, language: str) -> dict[str, Any]:
    known = status != "none"
    return {
        "status": status,
        "language": language if known else "",
        "number": "412345678" if known else "",
        "phone_masked": "0712***678" if known else "",
        "reminders": True,
    }


def facts_of(status: str, language: str = "en", usual: tuple[int, ...] = ()) -> dict[str, Any]:
    """Facts of a caller for whom everything goes well."""
    return {
        "member": member(status, language),
        "scheme": SCHEME,
        "usual_amounts": list(usual),
        "identity": {"state": "found", "masked_name": "W***** M****"},
        "own_pin": {"state": "set"},
        "show_paper": {"state": "right"},
        "choose_new_pin": {"state": "done"},
        "change_pin": {"state": "done"},
        "balance": {"amount_cents": 125_000, "as_of": "2026-11-22T10:30", "pending_cents": 0},
        "payments": [
            {
                "id": f"p{index}",
                "on": f"2026-11-{22 - index:02d}T08:15",
                "amount_cents": 5000 + 100 * index,
                "state": state,
            }
            for index, state in enumerate(PAYMENT_STATES)
        ],
        "look_up_identity": {"state": "started"},
        "join": {"state": "joined", "number": "412345678"},
        "start_phone_change": {"state": "started", "waiting_days": 3},
        "save": {"state": "queued"},
        "set_language": {"state": "done"},
        "set_consent": {"state": "done"},
        "payment_way": {
            "amount_cents": 5100,
            "receipt": "SFF6XYZ12X",
            "steps": [
                {"on": "2026-11-21T08:14", "state": "requested"},
                {"on": "2026-11-21T08:15", "state": "received"},
                {"on": "2026-11-21T08:16", "state": "confirmed"},
            ],
        },
        "claimed": {"amount_cents": 5000, "on": "2026-11-22T09:05", "receipt": "SFF6XYZ12X"},
        "claim": {"state": "offered"},
        "take_claim": {"state": "taken"},
        "charges": {"free_up_to_cents": 10_000},
        "months": ["2026-10", "2026-09", "2026-08", "2026-12", "2027-01", "2027-02"],
        "recipient": {"state": "found", "number": "412345679", "masked_name": "O***** A****"},
        "plan": {
            "state": "none",
            "rhythm": "week",
            "amount_cents": 20_000,
            "saved_cents": 5000,
            "rest_cents": 15_000,
            "reminders": False,
        },
        "plan_amounts": [10_000, 20_000, 50_000],
        "set_plan": {"state": "done"},
        "set_plan_reminders": {"state": "done"},
        "stop_plan": {"state": "done"},
    }


GIVEN: Given = {
    "newcomer": facts_of("none"),
    **{
        f"{name}_{language}": facts_of(status, language, usual)
        for language in ("en", "sw")
        for name, status, usual in (
            ("member", "active", ()),
            ("saver", "active", (5000, 10000, 20000)),
            ("pending", "pending_verification", ()),
            ("blocked", "blocked", ()),
            ("closed", "closed", ()),
            ("merged", "merged", ()),
        )
    },
}

# The smallest menu that serves: every lint test breaks one thing in it.
TINY: Files = {
    "screens/tiny.yaml": """\
menu:
  start: begin
  home: hall
  resume: resume
  stuck: stuck
  trouble: trouble
  over: over
  default_language: en
screens:
  begin:
    kind: decision
    rule: opening
    branches: {newcomer: hall, member: hall, blocked: hall, closed: hall, merged: hall}
  hall:
    kind: choice
    options:
      go: asked
      stop: trouble
  asked:
    kind: input
    rule: birth_year
    answer: birth_year
    to: over
  resume:
    kind: choice
    options: {go_on: <resume>, again: <start>}
  stuck:
    kind: choice
    options: {again: <back>, leave: over}
  trouble: {kind: notice, ends: true}
  over: {kind: notice, ends: true}
""",
    "texts/en.yaml": """\
navigation: {more: More, back: Back, home: Home}
reasons:
  choice: Choose a number.
  choice_short: Wrong.
  year_figures: Four figures.
screens:
  hall:
    text: Where to?
    options: {go: Go on, stop: Stop}
  asked:
    text: Which year?
  resume:
    text: Again?
    options: {go_on: Go on, again: Anew}
  stuck:
    text: Help?
    options: {again: Again, leave: Leave}
  trouble: {text: Trouble.}
  over: {text: Over.}
""",
}
TINY["texts/sw.yaml"] = TINY["texts/en.yaml"].replace("Where to?", "Wapi?")


@pytest.fixture(scope="session")
def graph() -> Graph:
    return menus.load_graph()


@pytest.fixture(scope="session")
def given() -> Given:
    return GIVEN


@pytest.fixture
def facts() -> Callable[..., dict[str, Any]]:
    return facts_of


@pytest.fixture
def tiny() -> Files:
    return dict(TINY)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-dialogues", action="store_true", help="write tests/dialogues anew; review the difference"
    )
