"""Whatever a caller types and whatever the world answers, a walk goes on: no over-long page, no dead end."""

from __future__ import annotations

from datetime import date
from typing import Any

import gsm0338
from hypothesis import given, settings
from hypothesis import strategies as st

import menus
from menus import Answer, Facts, Opening, PinVerdict, Session, Step, Typed, Wanted
from menus.engine.graph import Graph, Kind
from menus.engine.gsm7 import septets
from menus.engine.model import SCREEN_SEPTETS
from menus.rules.values import money

GRAPH = menus.load_graph()
ORACLE = gsm0338.Codec()
SEALED = "sealed:9f3b"
CONFIRMATIONS = {"save_confirm", "for_confirm", "month_confirm"}
NAVIGATION = {"<more>": "98", "<back>": "0", "<home>": "00"}
CENTS = st.integers(0, 10**11)
# Names as registries really have them: long, accented, with apostrophes, stars, brackets and stray breaks.
NAMES = st.text("WMabĩũ\u2019'`* -[]€\n", max_size=60)
MONTHS = st.dates(min_value=date(2020, 1, 1), max_value=date(2099, 12, 31)).map(lambda day: f"{day:%Y-%m}")
RECEIPTS = st.sampled_from(["SFF6XYZ12X", "MP261122.1405.L06941-123"])
MOMENTS = st.datetimes().map(lambda moment: moment.isoformat(timespec="minutes"))

MEMBERS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(
            ["none"] * 4 + ["active"] * 4 + ["pending_verification", "blocked", "closed", "merged"]
        ),
        "language": st.sampled_from(["en", "sw", "", "lu"]),
        "number": st.just("412345678"),
        "phone_masked": st.just("0712***678"),
        "reminders": st.booleans(),
    }
)
IDENTITY_STATES = ["waiting", "found", "unknown", "dead", "minor", "taken", "look_alike", "several",
                   "unavailable", "too_many", "something new"]  # fmt: skip
FACTS: dict[str, st.SearchStrategy[Any]] = {
    "scheme": st.fixed_dictionaries(
        {
            "fund_name": NAMES,
            "helpline": st.sampled_from(["0800 123 456", "+254 800 123 456 789"]),
            "minimum_cents": st.sampled_from([100, 1000]),
            "maximum_cents": st.sampled_from([30_000_000, 10**11]),
            "suggested_cents": st.lists(CENTS, max_size=4),
        }
    ),
    "usual_amounts": st.lists(CENTS, max_size=4),
    "identity": st.fixed_dictionaries({"state": st.sampled_from(IDENTITY_STATES), "masked_name": NAMES}),
    "balance": st.fixed_dictionaries({"amount_cents": CENTS, "as_of": MOMENTS, "pending_cents": CENTS}),
    "payments": st.lists(
        st.fixed_dictionaries(
            {
                "id": st.sampled_from(["p1", "p2"]),
                "on": MOMENTS,
                "amount_cents": CENTS,
                "state": st.sampled_from(["received", "expired", "odd"]),
            }
        ),
        max_size=20,
    ),
    "look_up_identity": st.fixed_dictionaries({"state": st.sampled_from(["started", "too_many"])}),
    "join": st.fixed_dictionaries(
        {"state": st.sampled_from(["joined", "pending", "taken", "refused"]), "number": st.just("412345678")}
    ),
    "start_phone_change": st.fixed_dictionaries(
        {"state": st.sampled_from(["started", "refused", "too_many"]), "waiting_days": st.integers(0, 400)}
    ),
    "save": st.fixed_dictionaries(
        {"state": st.sampled_from(["queued", "already_open", "limit", "not_allowed"])}
    ),
    "set_language": st.just({"state": "done"}),
    "set_consent": st.just({"state": "done"}),
    "charges": st.fixed_dictionaries({"free_up_to_cents": CENTS}),
    "months": st.lists(MONTHS, max_size=15),
    "plan_amounts": st.lists(CENTS, max_size=4),
    "payment_way": st.fixed_dictionaries(
        {
            "amount_cents": CENTS,
            "receipt": RECEIPTS,
            "steps": st.lists(
                st.fixed_dictionaries({"on": MOMENTS, "state": st.sampled_from(["received", "odd"])}),
                max_size=8,
            ),
        }
    ),
    "own_pin": st.fixed_dictionaries({"state": st.sampled_from(["set", "to_choose", "lapsed", "odd"])})
    | st.fixed_dictionaries({"state": st.just("locked"), "minutes": st.integers(1, 30)}),
    "show_paper": st.fixed_dictionaries({"state": st.sampled_from(["right", "wrong", "over"])}),
    "choose_new_pin": st.fixed_dictionaries({"state": st.sampled_from(["done", "not_shown", "over"])}),
    "change_pin": st.fixed_dictionaries({"state": st.sampled_from(["done", "refused"])}),
    "claim": st.fixed_dictionaries(
        {"state": st.sampled_from(["offered", "yours", "waiting", "too_many", "staff"])}
    ),
    "claimed": st.fixed_dictionaries({"amount_cents": CENTS, "on": MOMENTS, "receipt": RECEIPTS}),
    "take_claim": st.fixed_dictionaries({"state": st.sampled_from(["taken", "gone"])}),
    "recipient": st.fixed_dictionaries(
        {
            "state": st.sampled_from(["found", "unknown", "self", "too_many"]),
            "number": st.just("412345678"),
            "masked_name": NAMES,
        }
    ),
    "plan": st.fixed_dictionaries(
        {
            "state": st.sampled_from(["some", "none"]),
            "rhythm": st.sampled_from(["day", "week", "month", "season"]),
            "amount_cents": CENTS,
            "saved_cents": CENTS,
            "rest_cents": CENTS,
            "reminders": st.booleans(),
        }
    ),
    "set_plan": st.fixed_dictionaries({"state": st.sampled_from(["done", "refused"])}),
    "set_plan_reminders": st.just({"state": "done"}),
    "stop_plan": st.just({"state": "done"}),
}
TYPED = st.one_of(
    st.sampled_from(["1", "1", "1", "2", "3", "4", "5", "0", "00", "98", "", "9", "12345678", "1990", "50"]),
    st.text(max_size=12),
).filter(lambda text: not menus.reads_as_pin(text))
VERDICTS = {
    "set": [PinVerdict("chosen", sealed=SEALED), PinVerdict("weak", reason="sequence"),
            PinVerdict("weak", reason="birth_year"), PinVerdict("weak", reason="other")],
    "repeat": [PinVerdict("matches"), PinVerdict("mismatch")],
    "check": [PinVerdict("right"), PinVerdict("wrong", tries_left=2), PinVerdict("locked", minutes=30)],
}  # fmt: skip


class Caller:
    """A phone and its host, whose facts are whatever Hypothesis thinks of next."""

    def __init__(self, data: st.DataObject, budget: int) -> None:
        self.data = data
        self.budget = budget
        self.session: Session | None = None
        self.member = data.draw(MEMBERS)

    def answer(self) -> Answer:
        if self.session is None:
            link = self.data.draw(st.lists(st.sampled_from(["50", "1", "01", "02", "4821", "x"]), max_size=3))
            return Opening(tuple(link) if self.data.draw(st.integers(0, 3)) == 0 else ())
        expected = GRAPH.expects(self.session)
        sensible = self.data.draw(st.integers(0, 5)) > 0
        if expected.purpose and sensible:
            return self.data.draw(st.sampled_from(VERDICTS[expected.purpose]))
        if sensible:
            return Typed(self.data.draw(st.sampled_from(self.sensible_answers(self.session))))
        # Four figures would be a PIN on a PIN screen, and never reach the engine as text.
        return Typed(self.data.draw(TYPED if expected.purpose else TYPED | st.just("1990")))

    def begun(self, typed: tuple[str, ...]) -> Session | None:
        """A session in which these were the first answers."""
        answers: list[Answer] = [Opening(), *(Typed(text) for text in typed)]
        for answer in answers:
            if self.session is None and not isinstance(answer, Opening):
                return None
            finished = self.hop(answer)
            check(GRAPH, finished, self.budget)
            self.session = None if finished.ends else finished.session
        return self.session

    @staticmethod
    def sensible_answers(session: Session) -> list[str]:
        if GRAPH.screens[session.screen].kind is Kind.INPUT:
            return ["12345678", "1990", "250", "0"]
        numbers = [str(number) for number, offer in enumerate(session.shown, 1) if offer not in NAVIGATION]
        return [*numbers, *numbers, *(NAVIGATION[offer] for offer in session.shown if offer in NAVIGATION)]

    def hop(self, answer: Answer) -> Step:
        facts: dict[str, Any] = {"member": self.member}
        for _ in range(12):
            outcome = menus.step(GRAPH, self.session, answer, facts, self.budget)
            if isinstance(outcome, Step):
                again = menus.step(GRAPH, self.session, answer, facts, self.budget)
                assert again == outcome, "the same inputs gave another step"
                return outcome
            self.check_wanted(outcome, facts)
            for name in sorted({*outcome.facts, *(effect.name for effect in outcome.effects)}):
                facts[name] = self.data.draw(FACTS[name])
        raise AssertionError("a hop that never ends")

    def check_wanted(self, wanted: Wanted, facts: Facts) -> None:
        assert wanted.facts or wanted.effects
        assert not wanted.facts & facts.keys()
        for effect in wanted.effects:
            rule = next(
                screen.effect
                for screen in GRAPH.screens.values()
                if screen.effect and screen.effect.name == effect.name
            )
            assert tuple(effect.args) == rule.args
            assert all(isinstance(value, str) for value in effect.args.values())


def check(graph: Graph, finished: Step, budget: int) -> None:
    session = finished.session
    assert septets(finished.text) <= budget
    assert len(ORACLE.encode(finished.text)[0]) <= budget
    assert finished.text.strip()
    assert SEALED not in finished.text
    assert Session.from_json(session.to_json()) == session
    assert len(session.trail) < len(graph.screens)
    assert finished.ends == session.ended == (graph.expects(session).kind == "nothing")
    if finished.ends:
        assert session.answers == {}
        # A call that has ended offers nothing, least of all a second page.
        assert session.shown == () or budget < SCREEN_SEPTETS
        return
    screen = graph.screens[session.screen]
    if screen.kind not in {Kind.INPUT, Kind.PIN}:
        assert session.shown, f"nothing to answer on {session.screen}"
    numbered = [offer for offer in session.shown if offer not in NAVIGATION]
    for number in range(1, len(numbered) + 1):
        assert f"\n{number} " in f"\n{finished.text}", session.screen


@settings(max_examples=250, deadline=None)
@given(st.data(), st.sampled_from([120, 160, 182]))
def test_a_walk_never_ends_badly(data: st.DataObject, budget: int) -> None:
    caller = Caller(data, budget)
    if caller.member["status"] == "none" and data.draw(st.booleans()):
        caller.session = caller.begun(("1", "1", "12345678", "1"))
    for _ in range(data.draw(st.integers(1, 30))):
        if caller.session is not None and data.draw(st.integers(0, 9)) == 0:
            kept = menus.without_secrets(GRAPH, caller.session) if not caller.session.ended else None
            caller.session = None
            finished = caller.hop(Opening(suspended=kept))
        else:
            finished = caller.hop(caller.answer())
        check(GRAPH, finished, budget)
        caller.session = None if finished.ends else Session.from_json(finished.session.to_json())


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_nobody_sees_behind_a_pin_without_a_verdict(data: st.DataObject) -> None:
    """Without one right PIN no walk, link or resumed session reaches balance or payments."""
    caller = Caller(data, 160)
    caller.member = {**caller.member, "status": "active"}
    behind = {"balance", "balance_and_more", "statement", "statement_empty"}
    for _ in range(data.draw(st.integers(1, 30))):
        answer = caller.answer()
        if isinstance(answer, PinVerdict) and answer.kind == "right":
            answer = PinVerdict("wrong", tries_left=1)
        finished = caller.hop(answer)
        assert finished.session.screen not in behind
        caller.session = None if finished.ends else finished.session


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_nothing_is_saved_without_a_yes_to_that_amount(data: st.DataObject) -> None:
    """The effect `save` only ever follows the answer 1 on a screen that names the amount."""
    caller = Caller(data, 160)
    caller.member = {**caller.member, "status": "active"}
    text = ""
    for _ in range(data.draw(st.integers(1, 20))):
        answer = caller.answer()
        outcome = menus.step(GRAPH, caller.session, answer, {"member": caller.member})
        if isinstance(outcome, Wanted) and any(effect.name == "save" for effect in outcome.effects):
            assert caller.session is not None
            assert caller.session.screen in CONFIRMATIONS
            assert isinstance(answer, Typed)
            assert answer.text.strip() == "1"
            assert money(int(outcome.effects[0].args["amount_cents"])) in text
        finished = caller.hop(answer)
        text = finished.text
        caller.session = None if finished.ends else finished.session
