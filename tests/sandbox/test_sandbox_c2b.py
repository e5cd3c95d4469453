"""C2B: registering addresses, paying by hand, validation and confirmation."""

import hashlib
import json
from typing import Any

import pytest
from werkzeug.wrappers import Response

from sandbox.listener import Heard, Listener
from sandbox.testing import Box

HAND = {"phone": "+254712345678", "amount": 120, "account": "400000018"}


def by_hand(box: Box, **changes: Any) -> Any:
    answer = box.call("POST", "/c2b", json=HAND | changes)
    box.pass_time(2)
    return answer


def answering(gateway: Listener, body: dict[str, str] | str) -> None:
    def reply(heard: Heard) -> Response | None:
        if heard.path.endswith("validation"):
            return Response(body if isinstance(body, str) else json.dumps(body), mimetype="application/json")
        return None

    gateway.answer = reply


def test_registering_answers_in_the_providers_spelling(box: Box) -> None:
    body = box.register_urls().get_json()
    assert set(body) == {"OriginatorCoversationID", "ResponseCode", "ResponseDescription"}
    assert body["ResponseCode"] == "0"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ResponseType", "completed"),
        ("ResponseType", "CANCELLED"),
        ("ShortCode", "999999"),
        ("ConfirmationURL", "http://example.com/confirm"),
        ("ConfirmationURL", "https://example.com/mpesa/confirm"),
        ("ConfirmationURL", "https://example.com/M-Pesa"),
        ("ConfirmationURL", "https://safaricom.example.com/"),
        ("ValidationURL", "https://example.com/run.exe"),
        ("ValidationURL", "https://example.com/?QUERY=1"),
    ],
)
def test_bad_registrations_name_the_field(box: Box, field: str, value: str) -> None:
    answer = box.register_urls(**{field: value})
    assert answer.status_code == 400
    assert answer.get_json()["errorMessage"] == f"Bad Request - Invalid {field}"


def test_production_refuses_a_second_registration(box: Box) -> None:
    box.switch(c2b_register_once=True)
    box.register_urls()
    answer = box.register_urls()
    assert answer.status_code == 500
    assert answer.get_json()["errorCode"] == "500.003.1001"
    assert answer.get_json()["errorMessage"] == "Urls are already registered"


def test_validation_is_asked_before_and_confirmation_told_after(box: Box, gateway: Listener) -> None:
    box.register_urls()
    answer = by_hand(box)
    assert answer.status_code == 201
    [asked], [told] = gateway.at("validation"), gateway.at("confirmation")
    assert asked["OrgAccountBalance"] == ""
    assert told["OrgAccountBalance"] == "120.00"
    assert told["TransID"] == asked["TransID"] == answer.get_json()["receipt"]
    assert told["TransAmount"] == "120.00"
    assert told["BillRefNumber"] == "400000018"
    assert all(isinstance(value, str) for value in told.values())


def test_v1_hashes_the_number_and_v2_masks_it(box: Box, gateway: Listener) -> None:
    box.register_urls("v1")
    by_hand(box)
    box.register_urls("v2")
    by_hand(box)
    first, second = gateway.at("confirmation")
    assert first["MSISDN"] == hashlib.sha256(b"254712345678").hexdigest()
    assert second["MSISDN"] == "2547 ***** 678"
    assert second["LastName"] == ""


def test_a_rejected_payment_does_not_happen(box: Box, gateway: Listener) -> None:
    box.register_urls()
    answering(gateway, {"ResultCode": "C2B00012", "ResultDesc": "Rejected"})
    answer = by_hand(box)
    assert answer.status_code == 409
    assert answer.get_json()["code"] == "C2B00012"
    assert gateway.at("confirmation") == []
    assert box.get("/statement.json")["rows"] == []
    assert box.get("/phones/254712345678")["wallet"]["balance"] == "10000.00"


@pytest.mark.parametrize(("response_type", "status"), [("Completed", 201), ("Cancelled", 409)])
def test_without_a_usable_answer_the_response_type_decides(
    box: Box, gateway: Listener, response_type: str, status: int
) -> None:
    box.register_urls(ResponseType=response_type)
    answering(gateway, "not json")
    assert by_hand(box).status_code == status


def test_what_validation_returned_is_echoed(box: Box, gateway: Listener) -> None:
    box.register_urls()
    answering(gateway, {"ResultCode": "0", "ResultDesc": "Accepted", "ThirdPartyTransID": "abc"})
    by_hand(box)
    assert gateway.at("confirmation")[0]["ThirdPartyTransID"] == "abc"


def test_every_stk_payment_is_confirmed_with_the_same_receipt(box: Box, gateway: Listener) -> None:
    box.register_urls()
    box.fault("stk", auto=True)
    box.push()
    box.pass_time(3)
    items = gateway.at("/stk")[0]["Body"]["stkCallback"]["CallbackMetadata"]["Item"]
    receipt = next(item["Value"] for item in items if item["Name"] == "MpesaReceiptNumber")
    [told] = gateway.at("confirmation")
    assert told["TransID"] == receipt
    assert gateway.at("validation") == []


def test_balances_run_from_confirmation_to_confirmation(box: Box, gateway: Listener) -> None:
    box.register_urls()
    for amount in (10, 20, 30):
        by_hand(box, amount=amount)
    assert [one["OrgAccountBalance"] for one in gateway.at("confirmation")] == ["10.00", "30.00", "60.00"]


def test_nothing_is_told_without_registration(box: Box, gateway: Listener) -> None:
    assert by_hand(box).status_code == 201
    assert gateway.heard == []


def test_simulate_pays_a_moment_later(box: Box, gateway: Listener) -> None:
    box.register_urls("v2")
    body = {
        "ShortCode": "174379",
        "CommandID": "CustomerPayBillOnline",
        "Amount": "25",
        "Msisdn": "254708374149",
        "BillRefNumber": "4",
    }
    assert box.daraja("/mpesa/c2b/v2/simulate", body).get_json()["ResponseCode"] == "0"
    box.pass_time(2)
    assert gateway.at("confirmation")[0]["TransAmount"] == "25.00"


@pytest.mark.parametrize(
    "change",
    [
        {"phone": "123"},
        {"amount": 0},
        {"amount": "1.50"},
        {"amount": 250_001},
        {"amount": "many"},
        {"account": "x" * 21},
        {"account": ["4"]},
    ],
)
def test_payments_that_make_no_sense_are_refused(box: Box, change: dict[str, Any]) -> None:
    answer = by_hand(box, **change)
    assert answer.status_code == 400
    assert answer.get_json()["error"]


def test_more_than_the_wallet_holds_is_refused(box: Box) -> None:
    answer = by_hand(box, amount=10_001)
    assert answer.status_code == 409
    assert answer.get_json()["code"] == "1"
