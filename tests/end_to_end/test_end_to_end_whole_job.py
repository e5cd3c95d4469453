"""The main job by HTTP alone: a person joins, saves, hears of it; the books, wallet and registry agree."""

import re

import pytest

from tests.end_to_end.phones import Phone, new_member
from tests.end_to_end.stack import Stack
from tests.end_to_end.waiting import wait_for

WORDS = {
    "en": {
        "welcome": "Welcome to Haba Fund",
        "prompt": "You will now get an M-Pesa prompt for KES 50.",
        "receipt": "received KES 50, receipt",
        "balance": "Your savings: KES 50 ",
        "saved": "You have saved KES 50 ",
        "line": "KES 50 at the fund",
    },
    "sw": {
        "welcome": "Karibu Haba Fund",
        "prompt": "KES 50",
        "receipt": "tumepokea KES 50, risiti",
        "balance": "Akiba yako: KES 50 ",
        "saved": "KES 50 ",
        "line": "KES 50 uko kwenye hazina",
    },
}


def fund_has(stack: Stack, number: str) -> bool:
    """Whether the central registry holds a contribution of this member."""
    records = stack.sandbox("GET", "/fund/contributions")
    return any(number in str(record["member_identifier"]) for record in records)


@pytest.mark.parametrize("again", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("language", ["en", "sw"])
def test_a_person_joins_saves_and_hears_that_it_arrived_at_the_fund(
    stack: Stack, language: str, *, again: bool
) -> None:
    words = WORDS[language]
    # Payments of other tests may still be on their way; what is counted here is this one alone.
    wait_for(stack.is_all_at_the_fund, "the payments before this one", otherwise=stack.explain)
    before = stack.proof()
    phone = Phone(stack, stack.new_number())
    number = phone.join(stack.new_person()["id"], language)
    assert re.sub(r"\D", "", phone.wait_for_sms(words["welcome"]).split(".")[1]) == number

    phone.dial()
    phone.answer("1")
    phone.choose("KES 50")
    thanks = phone.answer("1")
    assert words["prompt"] in thanks
    assert phone.ended
    prompt = phone.wait_for_prompt()
    assert (prompt["amount_cents"], prompt["account"]) == (5000, number)
    assert phone.pay()["code"] == 0

    wait_for(
        lambda: fund_has(stack, number) and stack.is_all_at_the_fund(),
        "the registry's word",
        otherwise=stack.explain,
    )
    after = stack.proof()
    grown = {name: after[name] - before[name] for name in after}
    assert grown["credited_cents"] == 5000
    assert grown["receipts"] == grown["acknowledged"] == grown["members"] == 1
    assert after["postings_sum_cents"] == after["unknown"] == 0
    assert after["balances_equal_postings"] is True

    (receipt,) = [row["receipt"] for row in stack.statement() if row["account"] == number]
    told = phone.wait_for_sms(words["receipt"], receipt)
    assert words["balance"] in told
    assert words["saved"] in phone.balance()
    assert words["line"] in phone.payments()
    shown = stack.command("member", "show", phone.number)
    assert shown["balance_cents"] == 5000
    assert [(one["receipt"], one["state"]) for one in shown["contributions"]] == [(receipt, "acknowledged")]


def test_a_weekly_saver_saves_in_two_answers_after_dialling(stack: Stack) -> None:
    phone, _ = new_member(stack)
    phone.save(70)
    assert phone.pay()["code"] == 0
    phone.wait_for_sms("received KES 70")
    assert "1 Save KES 70" in phone.dial()
    assert "Save KES 70 from" in phone.answer("1")
    phone.answer("1")
    assert phone.ended
    assert phone.pay()["code"] == 0
    phone.wait_for_sms("Your savings: KES 140 ")


def test_a_dialled_amount_needs_one_answer(stack: Stack) -> None:
    phone, _ = new_member(stack)
    assert "Save KES 120 from" in phone.dial("120")
    phone.answer("1")
    assert phone.ended
    assert phone.wait_for_prompt()["amount_cents"] == 12_000
    phone.pay()
    phone.wait_for_sms("received KES 120")


def test_three_wrong_pins_lock_the_balance_and_say_so(stack: Stack) -> None:
    phone, _ = new_member(stack)
    phone.dial("01")
    assert "That PIN is not right" in phone.answer("9999")
    assert "locked" in phone.answer("9998", "9997")
    assert phone.ended
    assert "locked" in phone.dial("01")
    assert phone.ended
