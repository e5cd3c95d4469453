"""What callers type is read kindly and strictly; what rules declare about themselves is true."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menus.engine.graph import Graph
from menus.engine.vocabulary import Accepted, Refused, View
from menus.rules import VOCABULARY
from menus.rules.values import money, number_in_groups
from tests.menus.walking import FactsOf, walked

SCHEME = {"scheme": {"minimum_cents": 1000, "maximum_cents": 30_000_000}}


class Watched(Mapping[str, Any]):
    """A mapping that remembers what was read from it."""

    def __init__(self, kept: Mapping[str, Any]) -> None:
        self.kept = kept
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name in self.kept:
            self.read.add(name)
        return self.kept[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.kept.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self.kept

    def __iter__(self) -> Iterator[str]:
        return iter(self.kept)

    def __len__(self) -> int:
        return len(self.kept)


def read(rule: str, typed: str) -> str:
    """What a rule keeps, or `!reason`."""
    outcome = VOCABULARY.inputs[rule].read(typed, View({}, SCHEME, "en", {}))
    return outcome.value if isinstance(outcome, Accepted) else f"!{outcome.reason}"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("12345678", "12345678"),
        ("123456", "123456"),
        ("1234 5678", "12345678"),
        ("12.345.678", "12345678"),
        ("012345678", "12345678"),
        ("12345", "!id_length"),
        ("123456789", "!id_length"),
        ("A1234567", "!id_digits"),
        ("", "!id_digits"),
        ("\u0661\u0662\u0663\u0664\u0665\u0666", "!id_digits"),
        ("-", "!id_digits"),
        ("00000000", "!id_length"),
    ],
)
def test_a_national_id(typed: str, kept: str) -> None:
    assert read("national_id", typed) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("50", "5000"),
        ("KES 50", "5000"),
        ("ksh1,250/=", "125000"),
        ("1 250", "125000"),
        ("12,500", "1250000"),
        ("1,50", "!amount_figures"),
        ("50,00", "!amount_figures"),
        ("1,2500", "!amount_figures"),
        (",500", "!amount_figures"),
        ("0050", "5000"),
        ("10", "1000"),
        ("9", "!amount_low"),
        ("0", "!amount_low"),
        ("300000", "30000000"),
        ("300001", "!amount_high"),
        ("999999999999999999999", "!amount_figures"),
        ("50.50", "!amount_figures"),
        ("-50", "!amount_figures"),
        ("fifty", "!amount_figures"),
        ("5e3", "!amount_figures"),
        ("", "!amount_figures"),
        ("\u00b2", "!amount_figures"),
    ],
)
def test_an_amount(typed: str, kept: str) -> None:
    assert read("save_amount", typed) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("1990", "1990"), ("90", "!year_figures"), ("1889", "!year_figures"), ("", "!year_figures")],
)
def test_a_birth_year(typed: str, kept: str) -> None:
    assert read("birth_year", typed) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("sff6xyz12x", "SFF6XYZ12X"),
        ("SFF6 XYZ 12X.", "SFF6XYZ12X"),
        ("mp261128.1015.a00001", "MP261128.1015.A00001"),
        ("mp261122.1405.l06941-12", "MP261122.1405.L06941-12"),
        ("9876543210", "9876543210"),
        ("SFF6", "!code_form"),
        ("S" * 25, "!code_form"),
        ("SFF6XYZ12*", "!code_form"),
        ("", "!code_form"),
    ],
)
def test_a_receipt_code(typed: str, kept: str) -> None:
    assert read("receipt_code", typed) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("412 345 678", "412345678"),
        ("412-345-678", "412345678"),
        ("41234567", "!number_form"),
        ("512345678", "!number_form"),
        ("0712345678", "!number_form"),
        ("", "!number_form"),
    ],
)
def test_a_member_number(typed: str, kept: str) -> None:
    assert read("member_number", typed) == kept


@pytest.mark.parametrize(
    ("rule", "typed", "kept"),
    [
        ("national_id", "9", "none"),
        ("national_id", "99", "!id_length"),
        ("refugee_id", "ken 000-12345", "refugee_id:KEN00012345"),
        ("refugee_id", "KENYA", "!document_form"),
        ("passport", "ak0123456", "passport:AK0123456"),
        ("passport", "AK01234567", "!document_form"),
        ("passport", "PASSPORT", "!document_form"),
        ("paper_number", "012 345-678", "012345678"),
        ("paper_number", "ak0123456", "AK0123456"),
        ("paper_number", "12*34", "!document_form"),
        ("paper_number", "1" * 21, "!document_form"),
        ("paper_number", "", "!document_form"),
    ],
)
def test_another_paper(rule: str, typed: str, kept: str) -> None:
    assert read(rule, typed) == kept


# Codes of some wallets have dots or dashes inside.
_FORMS = r"[0-9A-Z]+|none|(refugee_id|passport):[0-9A-Z]{6,14}|[0-9A-Z][0-9A-Z.-]{4,18}[0-9A-Z]"


@given(st.text())
def test_no_input_rule_ever_raises_or_keeps_anything_but_its_own_form(typed: str) -> None:
    for rule in VOCABULARY.inputs.values():
        outcome = rule.read(typed, View({}, SCHEME, "en", {}))
        if isinstance(outcome, Refused):
            assert outcome.reason in rule.reasons
        else:
            assert re.fullmatch(_FORMS, outcome.value)


@pytest.mark.parametrize(
    ("cents", "shown"),
    [
        (5000, "KES 50"),
        (125_000, "KES 1,250"),
        (125_050, "KES 1,250.50"),
        (0, "KES 0"),
        (-5000, "-KES 50"),
        (5, "KES 0.05"),
    ],
)
def test_money_is_shown_with_its_unit(cents: int, shown: str) -> None:
    assert money(cents) == shown


def test_a_member_number_is_read_in_groups() -> None:
    assert number_in_groups("412345678") == "412 345 678"


def test_rules_read_the_facts_and_answers_they_declare_and_no_others(graph: Graph, facts: FactsOf) -> None:
    """The engine asks the host only for declared facts, and the lint believes declared answers."""
    given_answers = {
        "amount": "5000", "tries_left": "2", "locked_minutes": "30", "national_id": "12345678", "pin": "x",
        "birth_year": "1990", "consent_saving": "yes", "consent_reminders": "no", "reminders": "yes",
        "receipt_code": "SFF6XYZ12X", "period": "2026-09", "rhythm": "week", "plan_amount": "5000",
        "plan_reminders": "no", "paper": "12345678",
    }  # fmt: skip
    calls = [
        *((rule.name, rule.make, rule.needs, rule.answers) for rule in VOCABULARY.values.values()),
        *((rule.name, rule.choose, rule.needs, rule.answers) for rule in VOCABULARY.decisions.values()),
        *((rule.name, rule.items, rule.needs, ()) for rule in VOCABULARY.lists.values()),
        *((rule.name, rule.collect, rule.needs, rule.answers) for rule in VOCABULARY.effects.values()),
    ]
    for usual in ((), (5000,)):
        for name, call, needs, answers in calls:
            seen, said = Watched(facts("active", "en", usual)), Watched(given_answers)
            call(View(said, seen, "en", graph.languages["en"].texts))
            assert seen.read <= set(needs), name
            assert said.read <= set(answers), name


def test_decisions_choose_only_declared_outcomes(graph: Graph, facts: FactsOf) -> None:
    for rule in VOCABULARY.decisions.values():
        for state in ("found", "several", "queued", "started", "refused", "something new"):
            everything = facts("active")
            for name in ("identity", "join", "save", "start_phone_change", "look_up_identity"):
                everything[name] = {**everything[name], "state": state}
            answers = {"reminders": "no", "plan_reminders": "no", "national_id": "12345678"}
            view = View(answers, everything, "en", graph.languages["en"].texts)
            assert rule.choose(view) in rule.outcomes


@pytest.mark.parametrize(
    ("language", "days", "told"),
    [
        ("2", 1, "in 1 day."),
        ("2", 2, "in 2 days."),
        ("2", 21, "in 21 days."),
        ("1", 1, "baada ya siku 1."),
        ("1", 3, "baada ya siku 3."),
    ],
)
def test_one_day_is_told_as_one(graph: Graph, facts: FactsOf, language: str, days: int, told: str) -> None:
    given = facts("none") | {
        "identity": {"state": "taken", "masked_name": ""},
        "start_phone_change": {"state": "started", "waiting_days": days},
    }
    assert told in walked(graph, given, language, "1", "12345678", "2", "1", "1985", "1").text
