"""What one hop promises: facts asked for, effects named once, places kept, sessions pinned and portable."""

from __future__ import annotations

import pytest

import menus
from menus import Answer, Opening, PinVerdict, Session, Step, Typed, Wanted
from menus.engine.graph import Graph
from menus.engine.lint import examine
from menus.engine.loader import load_graph
from menus.engine.model import Expectation
from menus.engine.source import read_source, source_of
from menus.engine.vocabulary import View
from menus.rules import VOCABULARY
from tests.menus.walking import FactsOf, done, walked


def test_what_is_missing_is_asked_for_and_nothing_else(graph: Graph, facts: FactsOf) -> None:
    outcome = menus.step(graph, None, None, {})
    assert isinstance(outcome, Wanted)
    assert outcome.facts == {"member"}
    assert outcome.effects == ()
    home = menus.step(graph, None, None, {"member": facts("active")["member"]})
    assert isinstance(home, Wanted)
    assert home.facts == {"usual_amounts"}


def test_an_effect_is_named_with_its_arguments_before_its_result_is_looked_at(
    graph: Graph, facts: FactsOf
) -> None:
    everything = facts("active", "en", (5000,))
    confirm = walked(graph, everything, "1")
    without = {name: value for name, value in everything.items() if name != "save"}
    outcome = menus.step(graph, confirm.session, Typed("1"), without)
    assert isinstance(outcome, Wanted)
    (effect,) = outcome.effects
    assert (effect.name, dict(effect.args)) == (
        "save",
        {"amount_cents": "5000", "number": "", "period": ""},
    )
    assert done(graph, confirm.session, Typed("1"), everything).session.screen == "save_queued"


def test_a_weekly_saver_needs_two_answers_and_a_link_one(graph: Graph, facts: FactsOf) -> None:
    saver = facts("active", "sw", (5000,))
    assert walked(graph, saver, "1", "1").session.screen == "save_queued"
    linked = done(graph, None, Opening(("200",)), saver)
    assert "KES 200" in linked.text
    assert done(graph, linked.session, Typed("1"), saver).ends


def test_what_was_offered_is_what_is_answered(graph: Graph, facts: FactsOf) -> None:
    """The list behind a screen changes between display and answer: the item as shown is chosen."""
    before = facts("active", "en", (5000, 10000, 20000))
    offered = walked(graph, before, "2")
    after = facts("active", "en", (77700, 88800, 99900))
    chosen = done(graph, offered.session, Typed("2"), after)
    assert "Save KES 100 from" in chosen.text


def test_a_number_that_was_not_shown_chooses_nothing(graph: Graph, facts: FactsOf) -> None:
    home = walked(graph, facts("active"))
    for typed in ("5", "6", "0", "00", "98", "01", "1.", "", "\u0661", "\u00b9", "1*1"):
        answered = done(graph, home.session, Typed(typed), facts("active"))
        assert answered.session.screen == "home_plain", typed
        assert answered.text.startswith("Choose a number shown."), typed


def test_spaces_around_an_answer_are_forgiven(graph: Graph, facts: FactsOf) -> None:
    assert walked(graph, facts("active"), " 1 ").session.screen == "save_amounts_free"


@pytest.mark.parametrize(
    ("link", "lands"),
    [
        (("200",), "save_confirm"),
        (("1", "200"), "home_plain"),
        (("01",), "balance_pin"),
        (("02",), "statement_pin"),
        (("2",), "home_plain"),
        (("01", "4821"), "home_plain"),
        (("4821", "4821", "1"), "home_plain"),
        (("200", "1"), "home_plain"),
        (("", "200"), "save_confirm"),
        (("9",), "home_plain"),
    ],
)
def test_a_link_never_leads_past_a_confirmation_or_a_pin(
    graph: Graph, facts: FactsOf, link: tuple[str, ...], lands: str
) -> None:
    landed = done(graph, None, Opening(link), facts("active"))
    assert landed.session.screen == lands
    said = landed.text.startswith(("We do not know that code", "The least you can save"))
    assert said == (lands == "home_plain")


def test_a_link_means_the_same_whatever_the_order_of_options(graph: Graph, facts: FactsOf) -> None:
    plain, usual = facts("active"), facts("active", "en", (5000,))
    assert done(graph, None, Opening(("01",)), plain).text == done(graph, None, Opening(("01",)), usual).text


def test_a_known_caller_is_met_in_their_language(graph: Graph, facts: FactsOf) -> None:
    assert walked(graph, facts("active", "sw")).session.language == "sw"
    assert walked(graph, facts("active", "xx")).session.language == graph.default_language
    assert walked(graph, facts("none")).session.screen == "language"


def test_the_host_is_told_where_a_pin_is_expected(graph: Graph, facts: FactsOf) -> None:
    newcomer = facts("none")
    answers: list[Answer | str] = ["2", "1", "12345678", "1", "1"]
    at_id = walked(graph, newcomer, *answers[:2])
    assert graph.expects(at_id.session) == Expectation("text", sensitive=True)
    at_pin = walked(graph, newcomer, *answers)
    assert graph.expects(at_pin.session) == Expectation.pin("set")
    again = walked(graph, newcomer, *answers, PinVerdict("chosen", sealed="x"))
    assert graph.expects(again.session) == Expectation.pin("repeat")
    assert graph.expects(walked(graph, facts("active"), "2").session) == Expectation.pin("check")
    ended = walked(graph, newcomer, *answers, PinVerdict("chosen", sealed="x"), PinVerdict("matches"))
    assert graph.expects(ended.session) == Expectation("nothing")


def test_a_pin_in_the_open_is_the_hosts_mistake_and_says_so(graph: Graph, facts: FactsOf) -> None:
    asked = walked(graph, facts("active"), "2")
    with pytest.raises(ValueError, match="a PIN must not reach the engine"):
        menus.step(graph, asked.session, Typed("4821"), facts("active"))
    with pytest.raises(ValueError, match="takes no PIN verdict"):
        menus.step(graph, asked.session, PinVerdict("chosen", sealed="x"), facts("active"))
    home = walked(graph, facts("active"))
    with pytest.raises(ValueError, match="takes no PIN verdict"):
        menus.step(graph, home.session, PinVerdict("right"), facts("active"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4821", True), (" 4821 ", True), ("0", False), ("00", False), ("98", False), ("482", False),
     ("48211", False), ("48a1", False), ("", False), ("\u0664\u0668\u0662\u0661", False)],
)  # fmt: skip
def test_only_four_digits_read_as_a_pin(text: str, expected: bool) -> None:
    assert menus.reads_as_pin(text) is expected


def test_personal_data_is_in_no_repr(graph: Graph, facts: FactsOf) -> None:
    session = walked(graph, facts("none"), "2", "1", "12345678").session
    effect = menus.step(graph, walked(graph, facts("none"), "2", "1").session, Typed("12345678"), {})
    for thing in (session, effect, Typed("12345678"), PinVerdict("chosen", sealed="12345678")):
        assert "12345678" not in repr(thing)


def test_events_name_screens_and_nothing_typed(graph: Graph, facts: FactsOf) -> None:
    finished = walked(graph, facts("none"), "2", "1", "12345678")
    kinds = [(event.kind, event.screen) for event in finished.events]
    assert kinds == [("answered", "national_id"), ("entered", "reminders")]


def test_a_session_is_pinned_to_the_definition_it_began_with(facts: FactsOf, tiny: dict[str, str]) -> None:
    graph = load_graph(source_of(tiny), VOCABULARY)
    session = done(graph, None, Opening(), facts("active")).session
    changed = {name: text.replace("Go on", "Walk on") for name, text in tiny.items()}
    other = load_graph(source_of(changed), VOCABULARY)
    assert graph.hash != other.hash
    with pytest.raises(ValueError, match="the definition it began with"):
        menus.step(other, session, Typed("1"), facts("active"))
    adopted = menus.adopt(other, session)
    assert adopted is not None
    assert isinstance(menus.step(other, adopted, Typed("1"), facts("active")), Step)
    smaller = {**tiny, "screens/tiny.yaml": tiny["screens/tiny.yaml"].replace("hall", "lobby")}
    for name in ("texts/en.yaml", "texts/sw.yaml"):
        smaller[name] = smaller[name].replace("  hall:", "  lobby:")
    assert menus.adopt(load_graph(source_of(smaller), VOCABULARY), session) is None


def test_comments_and_the_order_of_screens_do_not_change_the_hash(tiny: dict[str, str]) -> None:
    graph = load_graph(source_of(tiny), VOCABULARY)
    commented = {name: f"# words\n{text}" for name, text in tiny.items()}
    assert load_graph(source_of(commented), VOCABULARY).hash == graph.hash
    swapped = dict(tiny)
    swapped["screens/tiny.yaml"] = tiny["screens/tiny.yaml"].replace(
        "      go: asked\n      stop: trouble", "      stop: trouble\n      go: asked"
    )
    assert load_graph(source_of(swapped), VOCABULARY).hash != graph.hash


def test_a_session_that_cannot_be_read_says_so() -> None:
    good = Session("abc", "en", "home").to_json()
    for stored in ("", "{}", "[]", "null", good.replace("[1", "[99", 1), good[:-1] + ",1]", "[1,2]"):
        with pytest.raises(menus.SessionUnreadableError):
            Session.from_json(stored)


def test_nothing_known_stays_in_a_session_that_is_over(graph: Graph, facts: FactsOf) -> None:
    ended = walked(graph, facts("none"), "2", "1", "12345678", "1", "2", "2")
    assert ended.ends
    assert ended.session.answers == {}
    assert "12345678" not in ended.session.to_json()


def test_a_kept_session_holds_no_secret(graph: Graph, facts: FactsOf) -> None:
    at_repeat = walked(graph, facts("none"), "2", "1", "12345678", "1", "1", PinVerdict("chosen", sealed="S"))
    kept = menus.without_secrets(graph, at_repeat.session)
    assert kept.screen == "pin"
    assert "pin" not in kept.answers
    seen = walked(graph, facts("active"), "2", PinVerdict("right"))
    assert menus.without_secrets(graph, seen.session).screen == "balance_pin"


def test_a_dropped_session_is_not_offered_to_who_has_become_a_member(graph: Graph, facts: FactsOf) -> None:
    dropped = walked(graph, facts("none"), "2", "1", "12345678").session
    opened = done(graph, None, Opening(suspended=dropped), facts("active"))
    assert opened.session.screen == "home_plain"


def test_the_offer_to_continue_may_be_dropped_too(graph: Graph, facts: FactsOf) -> None:
    saver = facts("active", "en", (5000,))
    dropped = walked(graph, saver, "1").session
    offered = done(graph, None, Opening(suspended=dropped), saver).session
    again = done(graph, None, Opening(suspended=offered), saver).session
    assert again.screen == "resume"
    assert "Save KES 50 " in done(graph, again, Typed("1"), saver).text


def offer_on_changed_menus(graph: Graph, facts: FactsOf, old: str, new: str) -> tuple[Graph, Session]:
    """The offer to continue a saving of KES 60, adopted by the packaged menus with one word changed."""
    dropped = walked(graph, facts("active"), "1", "4", "60").session
    offered = done(graph, None, Opening(suspended=dropped), facts("active")).session
    assert offered.screen == "resume"
    files = {name: text.replace(old, new) for name, text in read_source().files.items()}
    changed = load_graph(source_of(files), VOCABULARY)
    adopted = menus.adopt(changed, offered)
    assert changed.hash != graph.hash
    assert adopted is not None
    return changed, adopted


def test_what_is_offered_is_continued_on_the_menus_that_are_there_now(graph: Graph, facts: FactsOf) -> None:
    changed, offered = offer_on_changed_menus(graph, facts, "Save {amount} from", "Put by {amount} from")
    taken_up = done(changed, offered, Typed("1"), facts("active"))
    assert taken_up.text.startswith("Put by KES 60 from")
    assert taken_up.session.graph == changed.hash


def test_an_offer_that_leads_to_a_screen_that_is_gone_starts_again(graph: Graph, facts: FactsOf) -> None:
    changed, offered = offer_on_changed_menus(graph, facts, "save_other", "save_else")
    taken_up = done(changed, offered, Typed("1"), facts("active"))
    assert taken_up == done(changed, offered, Typed("2"), facts("active")), "as if they had chosen that"
    assert (taken_up.session.screen, taken_up.session.answers) == ("home_plain", {})
    assert "Continue" not in taken_up.text


def test_a_link_is_followed_even_when_a_session_was_dropped(graph: Graph, facts: FactsOf) -> None:
    saver = facts("active", "en", (5000,))
    dropped = walked(graph, saver, "1").session
    assert done(graph, None, Opening(suspended=dropped), saver).session.screen == "resume"
    assert "KES 75" in done(graph, None, Opening(("75",), dropped), saver).text


def test_trouble_can_be_said_without_any_fact(graph: Graph) -> None:
    for language in ("en", "sw", "xx"):
        assert 0 < len(menus.render_notice(graph, "trouble", language)) <= 160
    with pytest.raises(ValueError, match="without facts"):
        menus.render_notice(graph, "joined", "en")


def test_no_value_or_list_ever_tells_a_secret(graph: Graph, facts: FactsOf) -> None:
    secret = "s3cr3t"
    everything = facts("active", "en", (5000,))
    answers = {"amount": "5000", "tries_left": "2", "locked_minutes": "30", "national_id": "12345678"}
    answers |= {"period": "2026-09", "rhythm": "week", "plan_amount": "5000"}
    answers |= dict.fromkeys(graph.secrets, secret)
    view = View(answers, everything, "en", graph.languages["en"].texts)
    told = [value.make(view) for value in VOCABULARY.values.values()]
    told += [label for rule in VOCABULARY.lists.values() for _, label in rule.items(view)]
    assert secret not in "".join(told)


def test_every_declared_longest_value_is_long_enough_for_ordinary_facts(graph: Graph, facts: FactsOf) -> None:
    answers = {"amount": "30000000", "tries_left": "2", "locked_minutes": "30"}
    answers |= {"period": "2026-09", "rhythm": "season", "plan_amount": "30000000"}
    for language in graph.languages.values():
        view = View(answers, facts("active", language.code), language.code, language.texts)
        for value in VOCABULARY.values.values():
            assert len(value.make(view)) <= len(value.longest), value.name
        for rule in VOCABULARY.lists.values():
            assert all(len(label) <= len(rule.longest) for _, label in rule.items(view)), rule.name


def test_every_rule_is_used_by_some_screen() -> None:
    definition, languages, findings = examine(read_source(), VOCABULARY)
    assert definition is not None
    assert not findings
    fields = [value for raw in definition.screens.values() for value in raw.fields.values()]
    named = {value for value in fields if isinstance(value, str)} | {definition.menu.fields["language"]}
    texts = "".join("".join(language.by_key.values()) for language in languages.values())
    for rules in (VOCABULARY.inputs, VOCABULARY.decisions, VOCABULARY.lists, VOCABULARY.effects):
        assert set(rules) <= named
    assert all(f"{{{name}}}" in texts or name in named for name in VOCABULARY.values)


def test_more_and_back_turn_pages_and_lose_nothing(graph: Graph, facts: FactsOf) -> None:
    member = facts("active", "sw")
    page = walked(graph, member, "3", PinVerdict("right"))
    texts = [page.text]
    while "<more>" in page.session.shown:
        page = done(graph, page.session, Typed("98"), member)
        texts.append(page.text)
    assert len(texts) > 2
    lines = [line for text in texts for line in text.split("\n") if " KES " in line]
    assert len(lines) == len(set(lines)) == len(member["payments"])
    for expected in reversed(texts[:-1]):
        page = done(graph, page.session, Typed("0"), member)
        assert page.text == expected


def test_no_answer_draws_the_screen_again(graph: Graph, facts: FactsOf) -> None:
    shown = walked(graph, facts("active"), "1")
    assert done(graph, shown.session, None, facts("active")).text == shown.text


def test_a_session_start_posted_again_knows_nothing_of_the_former_session(
    graph: Graph, facts: FactsOf
) -> None:
    """A session id that is used again, perhaps by another phone, begins from nothing."""
    former = walked(graph, facts("none"), "2", "1", "12345678").session
    again = done(graph, former, Opening(), facts("active", "sw"))
    assert again.session == done(graph, None, Opening(), facts("active", "sw")).session


def test_a_pin_right_once_is_not_asked_again_in_this_session(graph: Graph, facts: FactsOf) -> None:
    seen = walked(graph, facts("active"), "2", PinVerdict("right"), "00", "3")
    assert seen.session.screen == "statement"
    back = done(graph, seen.session, Typed("0"), facts("active"))
    assert back.session.screen == "home_plain"


def test_two_pins_that_differ_never_join(graph: Graph, facts: FactsOf) -> None:
    answers: list[Answer | str] = ["2", "1", "12345678", "1", "1", PinVerdict("chosen", sealed="first")]
    again = walked(graph, facts("none"), *answers, PinVerdict("mismatch"))
    assert again.session.screen == "pin"
    assert "pin" not in again.session.answers
    assert again.text.startswith("The two PINs were not the same.")
