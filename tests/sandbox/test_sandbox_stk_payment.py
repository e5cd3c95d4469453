"""An STK payment from prompt to callback, as the phone, the gateway and the query see it."""

import re
from typing import Any

import pytest
from werkzeug.wrappers import Response

from sandbox.daraja.outcomes import OUTCOMES
from sandbox.listener import Listener
from sandbox.testing import Box

PHONE = "/phones/+254712345678"


def items(callback: dict[str, Any]) -> dict[str, Any]:
    found = callback["Body"]["stkCallback"]["CallbackMetadata"]["Item"]
    return {item["Name"]: item.get("Value", "no value") for item in found}


def result(callback: dict[str, Any]) -> Any:
    return callback["Body"]["stkCallback"]["ResultCode"]


def pay(box: Box, **changes: Any) -> str:
    checkout_id = str(box.push(**changes).get_json()["CheckoutRequestID"])
    assert box.call("POST", f"{PHONE}/prompt", json={"pin": "1357"}).status_code == 200
    box.pass_time(1)
    return checkout_id


def test_the_prompt_shows_on_the_phone(box: Box) -> None:
    box.push(Amount=1500)
    prompt = box.get(PHONE)["prompt"]
    assert prompt["amount"] == "1,500.00"
    assert "Account no. 400000018" in prompt["text"]


def test_a_paid_prompt_calls_back_with_a_receipt(box: Box, gateway: Listener) -> None:
    checkout_id = pay(box)
    [callback] = gateway.at("/hooks/dev/stk")
    assert callback["Body"]["stkCallback"]["CheckoutRequestID"] == checkout_id
    assert result(callback) == 0
    found = items(callback)
    assert found["Amount"] == 50
    assert re.fullmatch(r"[A-Z0-9]{10}", found["MpesaReceiptNumber"])
    assert found["PhoneNumber"] == 254712345678
    assert re.fullmatch(r"\d{14}", str(found["TransactionDate"]))
    assert isinstance(found["TransactionDate"], int)
    assert found["Balance"] == "no value"


def test_metadata_items_come_in_no_fixed_order(box: Box, gateway: Listener) -> None:
    for _ in range(8):
        pay(box)
    orders = {
        tuple(item["Name"] for item in one["Body"]["stkCallback"]["CallbackMetadata"]["Item"])
        for one in gateway.at("/stk")
    }
    assert len(orders) > 1


def test_money_leaves_the_wallet_once(box: Box) -> None:
    pay(box)
    assert box.get(PHONE)["wallet"]["balance"] == "9950.00"
    assert box.call("POST", f"{PHONE}/prompt", json={"pin": "1357"}).status_code == 409
    assert box.get(PHONE)["wallet"]["balance"] == "9950.00"


def test_the_wallet_tells_the_payer_but_not_the_gateways_outbox(box: Box) -> None:
    pay(box)
    [message] = box.get(PHONE)["sms"]
    assert (message["by"], message["from"]) == ("wallet", "MPESA")
    assert "Ksh50.00 sent to KIBABA SAVINGS FUND for account 400000018" in message["text"]
    assert box.get("/sms?to=+254712345678") == []


def test_cancelling_says_1032(box: Box, gateway: Listener) -> None:
    box.push()
    box.call("POST", f"{PHONE}/prompt", json={"cancel": True})
    box.pass_time(1)
    [callback] = gateway.at("/stk")
    assert result(callback) == 1032
    assert "CallbackMetadata" not in callback["Body"]["stkCallback"]


def test_the_wrong_pin_says_2001(box: Box, gateway: Listener) -> None:
    box.push()
    box.call("POST", f"{PHONE}/prompt", json={"pin": "0000"})
    box.pass_time(1)
    assert [result(one) for one in gateway.at("/stk")] == [2001]


@pytest.mark.parametrize("pin", ["123", "12345", "12a4", "", None, "١٢٣٤"])
def test_what_is_no_pin_leaves_the_prompt_open(box: Box, pin: Any) -> None:
    box.push()
    assert box.call("POST", f"{PHONE}/prompt", json={"pin": pin}).status_code == 400
    assert box.get(PHONE)["prompt"]


def test_nobody_answering_says_1037_after_a_minute(box: Box, gateway: Listener) -> None:
    box.push()
    box.pass_time(50)
    assert gateway.at("/stk") == []
    assert box.get(PHONE)["prompt"]
    box.pass_time(12)
    assert [result(one) for one in gateway.at("/stk")] == [1037]
    assert box.get(PHONE)["prompt"] is None


def test_an_empty_wallet_says_1_and_keeps_its_money(box: Box, gateway: Listener) -> None:
    box.call("PUT", f"{PHONE}/wallet", json={"balance": "49"})
    pay(box)
    assert [result(one) for one in gateway.at("/stk")] == [1]
    assert box.get(PHONE)["wallet"]["balance"] == "49.00"


def test_a_party_that_is_not_the_shortcode_says_2028(box: Box, gateway: Listener) -> None:
    box.push(PartyB="600000")
    box.pass_time(2)
    assert [result(one) for one in gateway.at("/stk")] == [2028]


def test_same_amount_twice_is_free_by_default_and_17_by_switch(box: Box, gateway: Listener) -> None:
    pay(box)
    pay(box)
    box.switch(same_amount_rule=True)
    pay(box)
    assert [result(one) for one in gateway.at("/stk")] == [0, 0, 17]


def test_half_a_million_is_the_days_limit(box: Box, gateway: Listener) -> None:
    box.call("PUT", f"{PHONE}/wallet", json={"balance": "900000"})
    for _ in range(3):
        pay(box, Amount=250_000)
    assert [result(one) for one in gateway.at("/stk")] == [0, 0, 4]


def test_query_while_open_is_http_500_being_processed(box: Box) -> None:
    checkout_id = box.push().get_json()["CheckoutRequestID"]
    answer = box.query(checkout_id)
    assert answer.status_code == 500
    assert answer.get_json()["errorCode"] == "500.001.1001"
    assert answer.get_json()["errorMessage"] == "The transaction is being processed"


def test_query_after_payment_is_0_as_text_without_receipt(box: Box) -> None:
    body = box.query(pay(box)).get_json()
    assert body["ResultCode"] == "0"
    assert set(body) == {
        "ResponseCode",
        "ResponseDescription",
        "MerchantRequestID",
        "CheckoutRequestID",
        "ResultCode",
        "ResultDesc",
    }


def test_query_of_a_strange_id_names_the_field(box: Box) -> None:
    assert box.query("nonsense").get_json()["errorMessage"] == "Bad Request - Invalid CheckoutRequestID"


def test_query_of_an_unknown_id_is_an_error(box: Box) -> None:
    assert box.query("ws_CO_22112026000000000712345678").status_code == 500


@pytest.mark.parametrize("outcome", sorted(OUTCOMES))
def test_every_outcome_can_be_ordered(box: Box, gateway: Listener, outcome: str) -> None:
    box.fault("stk", outcome=outcome)
    checkout_id = box.push().get_json()["CheckoutRequestID"]
    box.pass_time(3)
    assert [result(one) for one in gateway.at("/stk")] == [OUTCOMES[outcome].code]
    assert box.query(checkout_id).get_json()["ResultCode"] == str(OUTCOMES[outcome].code)


def test_receipts_carry_the_date_as_real_ones_do(box: Box, gateway: Listener) -> None:
    pay(box)
    receipt = items(gateway.at("/stk")[0])["MpesaReceiptNumber"]
    [row] = box.get("/statement.json")["rows"]
    year, month = int(row["completed_at"][:4]), int(row["completed_at"][5:7])
    assert receipt[0] == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(year - 2006) % 26]
    assert receipt[1] == "ABCDEFGHIJKL"[month - 1]


def test_a_prompt_into_an_open_dialogue_is_1001_by_switch(box: Box, gateway: Listener) -> None:
    gateway.answer = lambda heard: Response("CON Hello") if heard.path.endswith("/ussd") else None
    box.switch(ussd_blocks_prompt=True)
    box.call("POST", f"{PHONE}/dial", json={"code": "*384*96#"})
    box.push()
    box.pass_time(2)
    assert [result(one) for one in gateway.at("/stk")] == [1001]
