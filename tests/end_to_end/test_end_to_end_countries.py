"""The same house elsewhere: one setting, other phones, other papers, other wallets, another currency."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.conftest import open_directory
from tests.end_to_end.phones import Phone
from tests.end_to_end.stack import Stack


@dataclass(frozen=True)
class Country:
    """`document` is of the sandbox's register there; the phone is MTN's, whose wallet asks it."""

    region: str
    phone: str
    document: str
    masked_name: str
    not_a_document: str
    currency: str


UGANDA = Country(
    "UG", "+256772123456", "cf91012345abcd", "N***** N******", "A NIN has 14 letters and digits", "UGX"
)
RWANDA = Country(
    "RW", "+250788123456", "1199170012345678", "U**** M******", "An ID number has 16 digits", "RWF"
)


@pytest.mark.parametrize("country", [UGANDA, RWANDA], ids=["Uganda", "Rwanda"])
def test_somebody_joins_with_their_paper_saves_by_their_wallet_and_sees_it(country: Country) -> None:
    with open_directory() as directory:
        stack = Stack(Path(directory), {"FUND_REGION": country.region})
        try:
            stack.start()
            join_save_and_see(Phone(stack, country.phone), country)
            proof = stack.proof()
        finally:
            stack.destroy()
    assert (proof["credited_cents"], proof["postings_sum_cents"]) == (500_000, 0)


def join_save_and_see(phone: Phone, country: Country) -> None:
    saved = f"{country.currency} 5,000"
    # A Kenyan ID is none of theirs, and that is said.
    assert country.not_a_document in phone.type_id("12345678")
    phone.dial()
    phone.choose("Start again")
    name = phone.give_id(country.document)
    assert country.masked_name in name, name
    phone.answer("1")
    number = phone.choose_pin()
    phone.wait_for_sms("Welcome", number)

    assert f"Save {saved}" in phone.dial("5000")
    assert f"MTN MoMo prompt for {saved}" in phone.answer("1")
    phone.pay()
    phone.wait_for_sms(f"received {saved}", f"Your savings: {saved}")
    assert saved in phone.balance()
    assert saved in phone.payments()
