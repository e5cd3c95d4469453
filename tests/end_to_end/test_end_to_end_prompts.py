"""Prompts that end otherwise than well, and callbacks that come twice, late or never."""

from typing import Any

import pytest

from tests.end_to_end.phones import Phone, new_member
from tests.end_to_end.stack import Stack
from tests.end_to_end.waiting import wait_for


def test_a_cancelled_prompt_takes_nothing_and_says_so(stack: Stack) -> None:
    phone, _ = new_member(stack, "en")
    phone.save(60)
    phone.refuse()
    phone.wait_for_sms("you cancelled the payment of KES 60. No money was taken.")
    nothing_was_credited(phone)


def test_too_little_money_takes_nothing_and_says_so(stack: Stack) -> None:
    phone, _ = new_member(stack)
    stack.sandbox("PUT", f"/phones/{phone.number}/wallet", {"balance": 5})
    phone.save(60)
    assert phone.pay()["code"] == 1
    phone.wait_for_sms("your M-Pesa balance is too low for KES 60. No money was taken.")
    nothing_was_credited(phone)


def test_a_wrong_wallet_pin_takes_nothing_and_says_so(stack: Stack) -> None:
    phone, _ = new_member(stack)
    phone.save(60)
    assert phone.pay("0000")["code"] == 2001
    phone.wait_for_sms("the M-Pesa PIN was wrong, so KES 60 was not taken.")
    nothing_was_credited(phone)


def test_a_phone_out_of_reach_is_told_when_it_is_back(stack: Stack) -> None:
    phone, _ = new_member(stack)
    stack.fault("stk", outcome="timeout", phone=phone.number)
    phone.save(60)
    phone.wait_for_sms("the M-Pesa request for KES 60 was not answered, or did not reach your phone.")
    nothing_was_credited(phone)


@pytest.mark.parametrize(
    ("fault", "callbacks"),
    [({"duplicate": 3}, 8), ({"delay_s": 4}, 2), ({"reorder": True}, 2)],
    ids=["four times each", "late", "in another order"],
)
def test_callbacks_credit_once_however_they_come(
    stack: Stack, fault: dict[str, object], callbacks: int
) -> None:
    phone, number = new_member(stack)
    for part in ("stk", "c2b"):
        stack.fault(part, phone=phone.number, **fault)
    phone.save(60)
    phone.pay()
    credited_once(stack, phone, number, callbacks)


def test_money_whose_callbacks_are_all_lost_is_found_by_asking(stack: Stack) -> None:
    phone, number = new_member(stack)
    for part in ("stk", "c2b"):
        stack.fault(part, phone=phone.number, drop=True)
    phone.save(60)
    phone.pay()
    # Asked about 30 s after the prompt, then looked for in the wallet's list.
    phone.wait_for_sms("received KES 60", seconds=120)
    credited_once(stack, phone, number, 2)
    assert stack.proof()["unknown"] == 0


def nothing_was_credited(phone: Phone) -> None:
    phone.stack.wait_for_rest()
    assert "You have saved KES 0 " in phone.balance()
    assert not [text for text in phone.sms() if "received" in text]


def credited_once(stack: Stack, phone: Phone, number: str, callbacks: int) -> None:
    """One payment of KES 60: one line in the wallet, one credit, one SMS, once at the fund."""
    (receipt,) = [row["receipt"] for row in stack.statement() if row["account"] == number]
    phone.wait_for_sms("received KES 60", receipt, "Your savings: KES 60 ")
    wait_for(lambda: len(about(receipt, stack.sandbox("GET", "/callbacks"))) == callbacks, "all callbacks")
    wait_for(lambda: about(receipt, stack.sandbox("GET", "/fund/contributions")), "the fund to have it")
    stack.wait_for_rest()
    assert len(stack.sms_of_receipt(receipt)) == 1
    assert "You have saved KES 60 " in phone.balance()
    at_fund = about(receipt, stack.sandbox("GET", "/fund/contributions"))
    assert [one["deliveries"] for one in at_fund] == [1]


def about(receipt: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record for record in records if receipt in str(record)]
