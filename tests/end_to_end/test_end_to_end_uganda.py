"""The same house in Uganda: one setting, other phones, other papers, other wallets, another currency."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import open_directory
from tests.end_to_end.phones import Phone
from tests.end_to_end.stack import Stack

# Of the sandbox's Ugandan register; the phone is MTN's, whose wallet asks it.
NIN = "CF91012345ABCD"
MTN_PHONE = "+256772123456"


@pytest.fixture
def uganda() -> Iterator[Stack]:
    with open_directory() as directory:
        stack = Stack(Path(directory), {"FUND_REGION": "UG"})
        yield stack
        stack.destroy()


def test_a_ugandan_joins_with_a_nin_saves_by_momo_and_sees_it(uganda: Stack) -> None:
    uganda.start()
    phone = Phone(uganda, MTN_PHONE)
    # A Kenyan ID is no Ugandan one, and says so.
    assert "A NIN has 14 letters and digits" in phone.type_id("12345678")
    phone.dial()
    phone.choose("Start again")
    name = phone.give_id(NIN.lower())
    assert "N***** N******" in name, name
    phone.answer("1")
    number = phone.choose_pin()
    phone.wait_for_sms("Welcome", number)

    assert "Save UGX 5,000" in phone.dial("5000")
    assert "MTN MoMo prompt for UGX 5,000" in phone.answer("1")
    phone.pay()
    phone.wait_for_sms("received UGX 5,000", "Your savings: UGX 5,000")
    assert "UGX 5,000" in phone.balance()
    assert "UGX 5,000" in phone.payments()
    proof = uganda.proof()
    assert (proof["credited_cents"], proof["postings_sum_cents"]) == (500_000, 0)
