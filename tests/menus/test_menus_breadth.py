"""Seeded walks broad enough to come through every screen; a failure names its seed."""

from __future__ import annotations

import random
from typing import Any

import menus
from menus import Answer, Opening, PinVerdict, Session, Step, Typed
from menus.engine.graph import Kind
from menus.engine.gsm7 import septets

GRAPH = menus.load_graph()
WALKS, HOPS = 5000, 24
NAVIGATION = {"<more>": "98", "<back>": "0", "<home>": "00"}
VERDICTS = {
    "set": [PinVerdict("chosen", sealed="sealed")] * 3 + [PinVerdict("weak", reason="repeated")],
    "repeat": [PinVerdict("matches")] * 3 + [PinVerdict("mismatch")],
    "check": [PinVerdict("right")] * 3
    + [PinVerdict("wrong", tries_left=1), PinVerdict("locked", minutes=12)],
}
STATES = {
    "identity": ["found", "found", "waiting", "unknown", "dead", "minor", "taken", "taken", "look_alike"],
    "look_up_identity": ["started"] * 9 + ["too_many"],
    "join": ["joined", "pending", "taken", "refused"],
    "start_phone_change": ["started", "refused", "too_many"],
    "save": ["queued", "already_open", "limit", "not_allowed"],
    "set_language": ["done"],
    "set_consent": ["done"],
    "own_pin": ["set", "set", "set", "to_choose", "lapsed", "locked"],
    "show_paper": ["right", "right", "wrong", "over"],
    "choose_new_pin": ["done", "not_shown", "over"],
    "change_pin": ["done", "refused"],
    "claim": ["offered", "offered", "yours", "waiting", "too_many", "staff"],
    "take_claim": ["taken", "gone"],
    "set_plan": ["done", "done", "refused"],
    "set_plan_reminders": ["done"],
    "stop_plan": ["done"],
    "recipient": ["found", "found", "found", "found", "unknown", "self", "too_many"],
    "plan": ["some", "none"],
}


def fact(name: str, dice: random.Random) -> Any:
    """Some value of a fact."""
    if name in STATES:
        more = {"masked_name": "W***** M****", "number": "412345678", "waiting_days": 3, "rhythm": "week"}
        more |= {
            "amount_cents": 5000,
            "saved_cents": 2000,
            "rest_cents": 3000,
            "reminders": True,
            "minutes": 12,
        }
        return {"state": dice.choice(STATES[name]), **more}
    amounts = [dice.choice([2000, 5000, 123_456]) for _ in range(dice.randint(0, 3))]
    if name == "usual_amounts":
        return amounts
    if name == "payments":
        states = ["received", "confirmed", "unknown"]
        return [
            {"id": "p1", "on": "2026-11-22T08:15", "amount_cents": cents, "state": dice.choice(states)}
            for cents in amounts * 3
        ]
    return {
        "charges": {"free_up_to_cents": dice.choice([0, 10_000])},
        "months": ["2026-10", "2026-12"],
        "plan_amounts": [5000, 10_000],
        "payment_way": {
            "amount_cents": 5000,
            "receipt": "SFF6XYZ12X",
            "steps": [{"on": "2026-11-22T08:15", "state": "received"}],
        },
        "claimed": {"amount_cents": 5000, "on": "2026-11-22T09:05", "receipt": "SFF6XYZ12X"},
        "scheme": {
            "fund_name": "Haba Haba Fund",
            "helpline": "0800 123 456",
            "minimum_cents": 1000,
            "maximum_cents": 30_000_000,
            "suggested_cents": [2000, 5000],
        },
        "balance": {
            "amount_cents": 5000,
            "as_of": "2026-11-22T10:30",
            "pending_cents": dice.choice([0, 5000]),
        },
        "member": {
            "status": dice.choice(["none"] * 6 + ["active"] * 5 + ["blocked", "closed", "merged"]),
            "language": dice.choice(["en", "sw"]),
            "number": "412345678",
            "phone_masked": "0712***678",
            "reminders": dice.choice([True, False]),
        },
    }[name]


def answer_to(session: Session, dice: random.Random) -> Answer:
    """Mostly a sensible answer, now and then nonsense."""
    expected = GRAPH.expects(session)
    if session.ended or dice.random() < 0.06:
        return Typed(dice.choice(["x", "", "77", "0", "00", "98", "12 34*5"]))
    if expected.purpose:
        return dice.choice(VERDICTS[expected.purpose])
    if GRAPH.screens[session.screen].kind is Kind.INPUT:
        return Typed(dice.choice(["12345678", "1990", "250", "SFF6XYZ12X", "412345678", "9"]))
    numbers = [str(number) for number, offer in enumerate(session.shown, 1) if offer not in NAVIGATION]
    ways = [NAVIGATION[offer] for offer in session.shown if offer in NAVIGATION]
    return Typed(dice.choice(numbers * 3 + ways))


def hop(session: Session | None, answer: Answer, known: dict[str, Any], dice: random.Random) -> Step:
    facts = dict(known)
    while True:
        outcome = menus.step(GRAPH, session, answer, facts)
        if isinstance(outcome, Step):
            return outcome
        for name in sorted({*outcome.facts, *(effect.name for effect in outcome.effects)}):
            assert name not in facts
            facts[name] = fact(name, dice)


def walk(seed: int, seen: set[tuple[str, str]]) -> None:
    dice = random.Random(seed)  # noqa: S311 - the walk is to be repeatable, not secret
    known = {"member": fact("member", dice)}
    session: Session | None = None
    for _ in range(HOPS):
        answer = answer_to(session, dice) if session else Opening()
        finished = hop(session, answer, known, dice)
        session = finished.session
        seen.add((session.language, session.screen))
        assert septets(finished.text) <= 160, f"seed {seed}: {session.screen}"
        assert finished.ends or session.shown or GRAPH.expects(session).kind != "nothing", f"seed {seed}"
        if finished.ends and dice.random() < 0.9:
            return
        if dice.random() < 0.02 and not finished.ends:
            kept = menus.without_secrets(GRAPH, session)
            session = hop(None, Opening(suspended=kept), known, dice).session


def test_walks_come_through_every_screen_in_every_language() -> None:
    seen: set[tuple[str, str]] = set()
    for seed in range(WALKS):
        walk(seed, seen)
    # `trouble` is shown by the host alone.
    shown = {name for name, screen in GRAPH.screens.items() if screen.shown} - {"trouble"}
    missed = {(code, name) for code in GRAPH.languages for name in shown} - seen
    assert not missed
