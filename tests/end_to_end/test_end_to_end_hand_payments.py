"""Paying the paybill by hand: to the number that was typed, to nobody else's."""

import re
from http import HTTPStatus

import requests

from tests.end_to_end.phones import Phone, new_member
from tests.end_to_end.stack import Stack
from tests.end_to_end.waiting import wait_for


def test_money_to_a_member_number_from_their_own_phone_is_credited(stack: Stack) -> None:
    phone, number = new_member(stack, "sw")
    paid = pay(stack, number, 250, phone.number)
    phone.wait_for_sms("tumepokea KES 250", paid, "Akiba yako: KES 250 ")
    stack.wait_for_rest()
    assert len(stack.sms_of_receipt(paid)) == 1


def test_money_from_another_phone_waits_for_one_word_of_who_paid(stack: Stack) -> None:
    phone, number = new_member(stack, "sw")
    payer = Phone(stack, stack.new_number())
    paid = pay(stack, number, 250, payer.number)
    payer.wait_for_sms("NDIYO", paid, number)
    phone.wait_for_sms("imelipwa kwa nambari yako", "KES 250")
    payer.send_sms(f"NDIYO {paid}")
    phone.wait_for_sms("tumepokea KES 250", paid, "Akiba yako: KES 250 ")
    # From now on this phone is known to pay for them.
    again = pay(stack, number, 100, payer.number)
    phone.wait_for_sms("tumepokea KES 100", again, "Akiba yako: KES 350 ")


def test_a_mistyped_number_is_never_another_members(stack: Stack) -> None:
    # Neighbours in time have neighbouring numbers: the worst case for a slip.
    members = [new_member(stack)[1] for _ in range(3)]
    right = members[1]
    slips = {right[:place] + str((int(right[place]) + 1) % 10) + right[place + 1 :] for place in range(9)}
    slips |= {right[:n] + right[n + 1] + right[n] + right[n + 2 :] for n in range(8)}
    before = len(stack.statement())
    for slip in slips - {right}:
        assert pay(stack, slip, 40) == ""
    assert len(stack.statement()) == before


def test_money_without_a_readable_account_waits_in_suspense(stack: Stack) -> None:
    before = stack.proof()
    payer = stack.new_number()
    assert pay(stack, "PENSION", 80, payer)
    wait_for(lambda: stack.proof()["receipts"] > before["receipts"], "the receipt")
    after = stack.proof()
    assert after["suspense_cents"] - before["suspense_cents"] == 8000
    assert after["credited_cents"] == before["credited_cents"]
    assert after["postings_sum_cents"] == 0


def pay(stack: Stack, account: str, shillings: int, payer: str | None = None) -> str:
    """Pay by hand; the receipt, or nothing when the account was refused."""
    body = {"phone": payer or stack.new_number(), "amount": shillings, "account": account}
    try:
        paid = stack.sandbox("POST", "/c2b", body)
    except requests.HTTPError as refused:
        if refused.response.status_code != HTTPStatus.CONFLICT:
            raise
        return ""
    assert re.fullmatch(r"[A-Z0-9]{10}", paid["receipt"])
    return str(paid["receipt"])
