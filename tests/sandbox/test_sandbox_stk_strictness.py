"""What Daraja refuses in an STK push, and in which words."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.testing import Box


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("BusinessShortCode", None),
        ("BusinessShortCode", "abc"),
        ("Password", None),
        ("Timestamp", "2026-11-22"),
        ("Timestamp", "20200101000000"),
        ("Timestamp", "20261399999999"),
        ("TransactionType", "PayBill"),
        ("Amount", 0),
        ("Amount", 250_001),
        ("Amount", "50.5"),
        ("Amount", 50.0),
        ("Amount", -1),
        ("Amount", True),
        ("PartyA", "0712345678"),
        ("PartyB", None),
        ("PhoneNumber", "+254712345678"),
        ("PhoneNumber", "254212345678"),
        ("CallBackURL", "http://example.com/stk"),
        ("CallBackURL", "ftp://127.0.0.1/stk"),
        ("CallBackURL", "https://"),
        ("CallBackURL", "https://example.com/mpesa/stk"),
        ("CallBackURL", "https://example.com:port/x"),
        ("AccountReference", "1234567890123"),
        ("AccountReference", ""),
        ("TransactionDesc", "fourteen chars"),
    ],
)
def test_a_bad_field_is_named(box: Box, field: str, value: Any) -> None:
    answer = box.push(**{field: value})
    assert answer.status_code == 400
    body = answer.get_json()
    assert body["errorCode"] == "400.002.02"
    assert body["errorMessage"] == f"Bad Request - Invalid {field}"
    assert body["requestId"]


def test_the_description_may_be_left_out(box: Box) -> None:
    assert box.push(TransactionDesc=None).status_code == 200


@pytest.mark.parametrize("amount", [1, "250000", "50"])
def test_whole_shillings_are_accepted_as_number_or_text(box: Box, amount: Any) -> None:
    assert box.push(Amount=amount).status_code == 200


def test_a_form_shows_as_an_invalid_shortcode(box: Box) -> None:
    headers = {"Authorization": f"Bearer {box.fresh_token()}"}
    answer = box.call("POST", "/daraja/mpesa/stkpush/v1/processrequest", data={"a": "b"}, headers=headers)
    assert answer.get_json()["errorMessage"] == "Bad Request - Invalid BusinessShortCode"


def test_broken_json_is_an_invalid_payload(box: Box) -> None:
    headers = {"Authorization": f"Bearer {box.fresh_token()}", "Content-Type": "application/json"}
    answer = box.call("POST", "/daraja/mpesa/stkpush/v1/processrequest", data="{", headers=headers)
    assert answer.status_code == 400
    assert answer.get_json()["errorCode"] == "400.002.05"


def test_a_password_of_another_passkey_is_wrong_credentials(box: Box) -> None:
    answer = box.push(Password="bm90IGl0")
    assert answer.status_code == 500
    assert answer.get_json()["errorCode"] == "500.001.1001"
    assert answer.get_json()["errorMessage"] == "[MerchantValidate] - Wrong credentials"


def test_an_unknown_shortcode_is_no_merchant(box: Box) -> None:
    answer = box.push(BusinessShortCode="600000", PartyB="600000")
    assert answer.status_code == 500
    assert answer.get_json()["errorMessage"] == "Merchant does not exist"


def test_a_second_prompt_on_the_same_phone_is_locked_out(box: Box) -> None:
    assert box.push().status_code == 200
    answer = box.push()
    assert answer.status_code == 500
    assert answer.get_json()["errorCode"] == "500.001.1001"
    assert answer.get_json()["errorMessage"].startswith("Unable to lock subscriber")


def test_another_phone_is_not_locked(box: Box) -> None:
    box.push()
    assert box.push(PhoneNumber="254722000111", PartyA="254722000111").status_code == 200


def test_acceptance_has_darajas_five_fields(box: Box) -> None:
    body = box.push().get_json()
    assert set(body) == {
        "MerchantRequestID",
        "CheckoutRequestID",
        "ResponseCode",
        "ResponseDescription",
        "CustomerMessage",
    }
    assert body["ResponseCode"] == "0"
    assert body["CheckoutRequestID"].startswith("ws_CO_")


def test_a_get_is_a_method_not_allowed(box: Box) -> None:
    answer = box.call("GET", "/daraja/mpesa/stkpush/v1/processrequest")
    assert answer.status_code == 405
    assert answer.get_json()["errorMessage"] == "Method Not Allowed"


def test_utc_timestamps_are_found_out(box: Box) -> None:
    stamp = datetime.fromtimestamp(box.world.clock.now(), UTC).strftime("%Y%m%d%H%M%S")
    password = base64.b64encode(f"174379sandbox-passkey{stamp}".encode()).decode()
    answer = box.push(Timestamp=stamp, Password=password)
    assert answer.get_json()["errorMessage"] == "Bad Request - Invalid Timestamp"
