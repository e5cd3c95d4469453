"""Payments by hand: plain, hashed and masked payers, and answers in Daraja's own codes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import Money
from core.phone import PhoneNumber
from payments.wallets.mpesa.hand_payment import CONFIRMED, RejectReason, accept, read_hand_payment, reject
from payments.wallets.mpesa.payer import Payer, read_payer
from payments.wallets.protocol import HandPayment, UnreadableMessage
from tests.payments.wallets.mpesa_bodies import hand_payment

# SHA-256 of 254705912645, as the provider sends it for its own test customer.
HASHED = "94c392c311d522da950619227b3361752a42042db7e1e699b26e628305c68a88"


def test_a_confirmation_is_read_in_full() -> None:
    assert read_hand_payment(hand_payment()) == HandPayment(
        receipt="RKL51ZDR4F",
        shortcode="174379",
        amount=Money(500),
        paid_at=datetime(2023, 11, 21, 9, 13, 25, tzinfo=UTC),
        account="400000012",
        payer=PhoneNumber("+254708374149"),
        payer_name="NICHOLAS",
        balance_after=Money(2500),
    )


def test_a_validation_has_no_balance() -> None:
    assert read_hand_payment(hand_payment(OrgAccountBalance="")).balance_after is None


def test_numbers_may_come_as_numbers() -> None:
    message = read_hand_payment(
        hand_payment(
            TransAmount=5.00, MSISDN=254708374149, TransTime=20231121121325, BusinessShortCode=174379
        )
    )
    assert (message.amount, message.shortcode) == (Money(500), "174379")
    assert message.payer == PhoneNumber("+254708374149")


@pytest.mark.parametrize(
    ("written", "payer"),
    [
        ("254708374149", Payer(phone=PhoneNumber("+254708374149"))),
        ("+254 708 374 149", Payer(phone=PhoneNumber("+254708374149"))),
        (HASHED, Payer(hashed=HASHED)),
        (HASHED.upper(), Payer(hashed=HASHED)),
        ("2547 ***** 126", Payer(mask="2547*****126")),
        ("25470****149", Payer(mask="25470****149")),
        ("2547xxxxx126", Payer(mask="2547*****126")),
        ("", Payer()),
        ("0", Payer()),
        ("somebody", Payer()),
    ],
)
def test_number_hash_and_mask_are_told_apart(written: str, payer: Payer) -> None:
    assert read_payer(written) == payer


def test_a_hash_is_that_of_the_number_it_belongs_to() -> None:
    message = read_hand_payment(hand_payment(MSISDN=HASHED))
    assert message.payer_hash == PhoneNumber.parse("0705912645").wallet_hash


@pytest.mark.parametrize("name", ["BillRefNumber", "MSISDN", "FirstName", "LastName", "OrgAccountBalance"])
@pytest.mark.parametrize("value", [None, "", "   "])
def test_what_is_blank_does_not_lose_the_payment(name: str, value: str | None) -> None:
    assert read_hand_payment(hand_payment(**{name: value})).receipt == "RKL51ZDR4F"


def test_an_odd_balance_does_not_lose_the_payment() -> None:
    assert read_hand_payment(hand_payment(OrgAccountBalance="Utility|25")).balance_after is None


def test_a_hand_typed_account_is_kept_as_typed() -> None:
    assert read_hand_payment(hand_payment(BillRefNumber="  acc 4000/12\x00 ")).account == "acc 4000/12"


@pytest.mark.parametrize(
    "changed",
    [
        {"TransID": ""},
        {"TransID": "short"},
        {"TransAmount": "0.00"},
        {"TransAmount": "-5"},
        {"TransAmount": "5.005"},
        {"TransAmount": None},
        {"TransTime": "2023-11-21"},
        {"TransTime": "20231321121325"},
        {"TransTime": "00010101000000"},
        {"BusinessShortCode": None},
        {"BillRefNumber": ["400000012"]},
        {"FirstName": "N" * 500},
    ],
)
def test_what_a_payment_cannot_do_without_must_be_right(changed: dict[str, Any]) -> None:
    with pytest.raises(UnreadableMessage):
        read_hand_payment(hand_payment(**changed))


@given(
    st.dictionaries(
        st.sampled_from(["TransID", "TransTime", "TransAmount", "MSISDN", "BillRefNumber", "FirstName"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
    )
)
def test_any_fields_are_read_or_refused(changed: dict[str, Any]) -> None:
    try:
        message = read_hand_payment(json.dumps(json.loads(hand_payment()) | changed))
    except UnreadableMessage:
        return
    assert message.amount.amount_cents > 0
    f"{message.account}{message.payer_name}".encode()


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        read_hand_payment(raw)


def test_answers_are_in_the_providers_words() -> None:
    assert accept() == {"ResultCode": "0", "ResultDesc": "Accepted"}
    assert accept("7f3a")["ThirdPartyTransID"] == "7f3a"
    assert reject(RejectReason.ACCOUNT) == {"ResultCode": "C2B00012", "ResultDesc": "Rejected"}
    assert CONFIRMED == {"ResultCode": 0, "ResultDesc": "Success"}
