"""The sandbox's Airtel: strict at the door, one payment per id, faults on demand, callbacks signed."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from sandbox.listener import Listener
from sandbox.testing import Box

PHONE = "+254733123456"
HEADERS = {"X-Country": "KE", "X-Currency": "KES"}


def token(box: Box, **changes: str) -> TestResponse:
    body = {
        "client_id": "sandbox-airtel-id",
        "client_secret": "sandbox-airtel-secret",
        "grant_type": "client_credentials",
    }
    return box.call("POST", "/airtel/auth/oauth2/token", json=body | changes)


def headers(box: Box) -> dict[str, str]:
    given = token(box).get_json()
    return HEADERS | {"Authorization": f"Bearer {given['access_token']}"}


def body(payment_id: str = "a1b2c3d4", **transaction: Any) -> dict[str, Any]:
    place = {"country": "KE", "currency": "KES"}
    return {
        "reference": "400000012",
        "subscriber": {**place, "msisdn": "733123456"},
        "transaction": {**place, "amount": 50, "id": payment_id, **transaction},
    }


def push(box: Box, wanted: dict[str, Any] | None = None, sent: dict[str, str] | None = None) -> TestResponse:
    path = "/airtel/merchant/v1/payments/"
    return box.call("POST", path, json=wanted or body(), headers=headers(box) | (sent or {}))


def enquire(box: Box, payment_id: str = "a1b2c3d4") -> Any:
    return box.get(f"/airtel/standard/v1/payments/{payment_id}", headers=headers(box))


def test_a_push_shows_on_the_phone_with_the_wallets_name_and_ends_paid(box: Box, gateway: Listener) -> None:
    reply = push(box).get_json()
    assert reply["status"]["response_code"] == "DP00800001006"
    assert enquire(box)["data"]["transaction"]["status"] == "TIP"
    prompt = box.get(f"/phones/{PHONE}")["prompt"]
    assert (prompt["wallet"], prompt["amount_cents"]) == ("Airtel Money", 5000)
    assert "KES 50.00" in prompt["text"]
    paid = box.call("POST", f"/phones/{PHONE}/prompt", json={"pin": "1234"}).get_json()
    assert paid["result"]["code"] == "paid"
    assert paid["prompt"] is None
    box.pass_time(1)
    found = enquire(box)["data"]["transaction"]
    assert found["status"] == "TS"
    [told] = gateway.at("/hooks/dev/airtel")
    assert told["transaction"]["airtel_money_id"] == found["airtel_money_id"]
    assert box.get(f"/sms?to={PHONE}&all=1")[-1]["from"] == "AirtelMoney"


def test_callbacks_are_signed_over_the_compact_transaction(box: Box, gateway: Listener) -> None:
    box.fault("airtel", outcome="paid")
    push(box)
    box.pass_time(3)
    [told] = gateway.at("/hooks/dev/airtel")
    given = told.pop("hash")
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    expected = hmac.new(b"sandbox-airtel-hash-key", text.encode(), hashlib.sha256).digest()
    assert given == base64.b64encode(expected).decode()


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        ("cancelled", "TF", "DP00800001008"),
        ("insufficient", "TF", "DP00800001007"),
        ("wrong_pin", "TF", "DP00800001002"),
        ("timeout", "TF", "DP00800001024"),
        ("expired", "TE", "DP00800001029"),
        ("ambiguous", "TA", "DP00800001000"),
    ],
)
def test_every_end_has_its_status_and_code(box: Box, outcome: str, status: str, code: str) -> None:
    box.fault("airtel", outcome=outcome)
    push(box)
    box.pass_time(3)
    found = enquire(box)
    assert found["data"]["transaction"]["status"] == status
    assert found["status"]["response_code"] == code


def test_an_id_is_taken_once(box: Box) -> None:
    push(box)
    again = push(box)
    assert (again.status_code, again.get_json()["status"]["result_code"]) == (400, "ESB000041")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (body(amount="50"), "ESB000008"),
        (body(amount=0), "ESB000008"),
        (body(amount=50.5), "ESB000008"),
        (body("x"), "ESB000008"),
        (body() | {"reference": ""}, "ESB000008"),
        (body() | {"subscriber": body()["subscriber"] | {"msisdn": "254733123456"}}, "ESB000033"),
        (body() | {"subscriber": body()["subscriber"] | {"country": "UG"}}, "ESB000008"),
        ({"reference": "1"}, "ESB000008"),
    ],
)
def test_what_is_not_right_is_refused_with_the_gateways_code(
    box: Box, wanted: dict[str, Any], code: str
) -> None:
    refused = push(box, wanted)
    assert (refused.status_code, refused.get_json()["status"]["result_code"]) == (400, code)
    assert box.get(f"/phones/{PHONE}")["prompt"] is None


def test_country_and_currency_belong_together(box: Box) -> None:
    assert push(box, sent={"X-Currency": "UGX"}).get_json()["status"]["result_code"] == "ESB000035"
    assert push(box, sent={"X-Country": "ZZ"}).get_json()["status"]["result_code"] == "ESB000034"


def test_without_a_live_token_nothing_is_done(box: Box) -> None:
    assert push(box, sent={"Authorization": "Bearer guessed"}).status_code == 401
    assert token(box, client_secret="guessed").status_code == 401
    first = headers(box)
    box.pass_time(181)
    late = box.call("POST", "/airtel/merchant/v1/payments/", json=body(), headers=first)
    assert late.status_code == 401


def test_an_unknown_payment_is_said_to_be_unknown(box: Box) -> None:
    assert enquire(box, "nothing")["status"]["response_code"] == "DP00800001025"


def test_faults_drop_double_and_pay_late(box: Box, gateway: Listener) -> None:
    box.fault("airtel", outcome="paid", drop=True)
    push(box, body("dropped1"))
    box.fault("airtel", outcome="paid", duplicate=2)
    push(box, body("doubled1"))
    box.fault("airtel", late_success=20)
    push(box, body("late0001"))
    box.pass_time(5)
    assert enquire(box, "late0001")["data"]["transaction"]["status"] == "TF"
    box.pass_time(30)
    ids = [told["transaction"]["id"] for told in gateway.at("/hooks/dev/airtel")]
    assert sorted(ids) == ["doubled1"] * 3 + ["late0001"] * 2
    box.fault("airtel")
    assert enquire(box, "late0001")["data"]["transaction"]["status"] == "TS"
    assert enquire(box, "dropped1")["data"]["transaction"]["status"] == "TS"


@pytest.mark.parametrize(
    ("spec", "status"),
    [({"outage": True}, 503), ({"http_status": 502}, 502), ({"error_code": "ESB000008"}, 400)],
)
def test_faults_at_the_door_do_nothing(box: Box, spec: dict[str, Any], status: int) -> None:
    box.fault("airtel", **spec)
    assert push(box).status_code == status
    box.call("DELETE", "/faults")
    assert enquire(box)["status"]["response_code"] == "DP00800001025"


def test_a_number_taken_to_airtel_says_so_when_it_dials(box: Box, gateway: Listener) -> None:
    moved = box.call("PUT", "/phones/+254712345678/network", json={"code": "63903"}).get_json()
    assert (moved["network"], moved["wallet"]["name"]) == ("63903", "Airtel Money")
    box.call("POST", "/phones/+254712345678/dial", json={"code": "*384*96#"})
    assert [heard["networkCode"] for heard in gateway.at("/ussd")] == ["63903"]
    assert box.call("PUT", "/phones/+254712345678/network", json={"code": "x"}).status_code == 400


def test_the_statement_lists_what_was_paid_with_its_charge(box: Box) -> None:
    box.switch(statement_charge_cents=200)
    box.fault("airtel", outcome="paid")
    push(box)
    box.pass_time(3)
    [row] = box.get("/statement/airtel.json")["rows"]
    assert (row["amount_cents"], row["charge_cents"], row["balance_cents"]) == (5000, 200, 4800)
    exported = box.call("GET", "/statement/airtel").get_data(as_text=True)
    assert row["receipt"] in exported
    assert "AIRTELFUND" in exported
    assert box.call("GET", "/statement/airtel?date=nonsense").status_code == 400
