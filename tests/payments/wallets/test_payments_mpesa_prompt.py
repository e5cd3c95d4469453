"""A prompt goes out once, signed and within limits, and only what surely moved no money counts as refused."""

import base64
from typing import Any

import pytest
import requests
import responses
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from core.errors import InvalidValue
from core.money import Money
from core.phone import PhoneNumber
from payments.wallets.mpesa.stk import PUSH_PATH
from payments.wallets.protocol import Accepted, Rejected, Unknown
from tests.payments.wallets.mpesa_bodies import ACCEPTED, CHECKOUT, MERCHANT, PROCESSING, error
from tests.payments.wallets.mpesa_stubs import Daraja, wallet, wish

LOCKED = "Unable to lock subscriber, a transaction is already in process for the current subscriber"
SPIKE = {
    "fault": {
        "faultstring": "Spike arrest violation. Allowed rate : MessageRate{messagesPerPeriod=5}",
        "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"},
    }
}


def test_an_accepted_prompt_is_named_by_its_checkout_id(daraja: Daraja) -> None:
    daraja.answer(PUSH_PATH, (200, ACCEPTED))
    assert wallet().prompt(wish()) == Accepted(CHECKOUT, MERCHANT)


def test_the_request_is_signed_with_its_own_nairobi_time(daraja: Daraja) -> None:
    daraja.answer(PUSH_PATH, (200, ACCEPTED))
    wallet().prompt(wish())
    [body] = daraja.bodies(PUSH_PATH)
    assert body == {
        "BusinessShortCode": "174379",
        "Password": base64.b64encode(b"174379sandbox-passkey20261122122036").decode(),
        "Timestamp": "20261122122036",
        "TransactionType": "CustomerPayBillOnline",
        "Amount": 50,
        "PartyA": "254708374149",
        "PartyB": "174379",
        "PhoneNumber": "254708374149",
        "CallBackURL": "https://kibaba.test/hooks/dev/stk",
        "AccountReference": "400000012",
        "TransactionDesc": "Savings",
    }


def test_a_till_gets_the_money_of_its_shortcode(daraja: Daraja) -> None:
    daraja.answer(PUSH_PATH, (200, ACCEPTED))
    wallet(transaction_type="CustomerBuyGoodsOnline", till="555444").prompt(wish(description=""))
    [body] = daraja.bodies(PUSH_PATH)
    assert (body["PartyB"], body["BusinessShortCode"]) == ("555444", "174379")
    assert "TransactionDesc" not in body


@pytest.mark.parametrize(
    "changed",
    [
        {"account": "4000000123456"},
        {"account": ""},
        {"account": " 40000001"},
        {"account": "400\n00001"},
        {"description": "Savings of May"},
        {"amount": Money(5050)},
        {"amount": Money(0)},
        {"amount": Money(-5000)},
        {"amount": Money(25_000_100)},
        {"amount": Money(5000, "UGX")},
        {"phone": PhoneNumber.parse("+256772123456")},
        {"callback_url": "http://kibaba.test/hooks/dev/stk"},
        {"callback_url": "https://kibaba.test/hooks/dev/MPESA"},
        {"callback_url": "https://kibaba.test/SQL"},
        {"callback_url": "hooks/dev/stk"},
    ],
)
def test_what_daraja_would_refuse_is_not_sent(daraja: Daraja, changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        wallet().prompt(wish(**changed))
    assert daraja.asked == []


@pytest.mark.parametrize(
    ("status", "body", "code", "retry_seconds", "alert"),
    [
        (400, error("400.002.02", "Bad Request - Invalid PhoneNumber"), "400.002.02", None, True),
        (400, error("400.002.05", "Invalid Request Payload"), "400.002.05", None, True),
        (404, error("404.001.01", "Resource not found"), "404.001.01", None, True),
        (404, error("404.001.04", "Invalid Authentication Header"), "404.001.04", None, True),
        (405, error("405.001", "Method Not Allowed"), "405.001", None, True),
        (500, error("500.001.1001", "Merchant does not exist"), "500.001.1001", None, True),
        (500, error("500.001.1001", "[MerchantValidate] - Wrong  credentials"), "500.001.1001", None, True),
        (500, error("500.001.1001", LOCKED), "500.001.1001", 60, False),
        (500, error("500.003.02", "Error Occurred: Spike Arrest Violation"), "500.003.02", 30, False),
        (500, error("500.003.03", "Error Occurred: Quota Violation"), "500.003.03", 60, False),
        (500, SPIKE, "policies.ratelimit.SpikeArrestViolation", 30, False),
        (429, "slow down", "http_429", 30, False),
        (403, "<html>blocked</html>", "http_403", None, True),
        (200, ACCEPTED | {"ResponseCode": "1", "ResponseDescription": "Rejected"}, "1", None, True),
    ],
)
def test_a_clear_refusal_is_a_rejection_with_its_way_out(
    daraja: Daraja, status: int, body: Any, code: str, retry_seconds: int | None, alert: bool
) -> None:
    daraja.answer(PUSH_PATH, (status, body))
    outcome = wallet().prompt(wish())
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.retry_seconds, outcome.alert) == (code, retry_seconds, alert)
    assert len(daraja.bodies(PUSH_PATH)) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, "<html>"),
        (200, ""),
        (200, "[]"),
        (200, {}),
        (200, {name: value for name, value in ACCEPTED.items() if name != "CheckoutRequestID"}),
        (200, ACCEPTED | {"CheckoutRequestID": "two words"}),
        (200, '{"ResponseCode": "0", ' + " " * 300_000),
        (302, ""),
        (408, ""),
        (409, ""),
        (500, ""),
        (500, error("500.001.1001", PROCESSING)),
        (500, error("500.003.1001", "Internal Server Error")),
        (500, error("500.009.9", "Something new")),
        (502, "<html>Bad gateway</html>"),
        (503, ""),
        (504, ""),
        # A gateway's own words after it has waited for a service that may have done the work.
        (504, error("500.003.02", "System is busy. Please try again in few minutes.")),
        (502, error("500.003.02", "System is busy. Please try again in few minutes.")),
    ],
)
def test_an_unclear_answer_is_unknown_and_not_sent_again(daraja: Daraja, status: int, body: Any) -> None:
    daraja.answer(PUSH_PATH, (status, body))
    assert isinstance(wallet().prompt(wish()), Unknown)
    assert len(daraja.bodies(PUSH_PATH)) == 1


def test_a_redirect_is_not_followed(daraja: Daraja) -> None:
    daraja.answer("/elsewhere", (200, ACCEPTED))
    daraja.mock.add(
        responses.POST, f"https://daraja.test{PUSH_PATH}", status=307, headers={"Location": "/elsewhere"}
    )
    assert isinstance(wallet().prompt(wish()), Unknown)
    assert daraja.bodies("/elsewhere") == []


@pytest.mark.parametrize(
    "failure",
    [
        requests.exceptions.ReadTimeout("late"),
        requests.exceptions.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError())),
        requests.exceptions.ChunkedEncodingError("cut"),
        requests.exceptions.SSLError("bad record"),
        requests.exceptions.ConnectionError(),
    ],
)
def test_a_connection_lost_after_sending_is_unknown(daraja: Daraja, failure: Exception) -> None:
    daraja.answer(PUSH_PATH, failure)
    assert isinstance(wallet().prompt(wish()), Unknown)
    assert len(daraja.bodies(PUSH_PATH)) == 1


@pytest.mark.parametrize(
    "failure",
    [
        requests.exceptions.ConnectTimeout("never"),
        requests.exceptions.ConnectionError(
            MaxRetryError(
                HTTPConnectionPool("daraja.test"),
                "/",
                NewConnectionError(HTTPConnectionPool("daraja.test"), "refused"),  # type: ignore[arg-type]
            )
        ),
    ],
)
def test_a_connection_that_never_was_may_be_tried_again(daraja: Daraja, failure: Exception) -> None:
    daraja.answer(PUSH_PATH, failure)
    outcome = wallet().prompt(wish())
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.retry_seconds) == ("unreachable", 30)


def test_numbers_in_a_refusal_are_not_passed_on(daraja: Daraja) -> None:
    daraja.answer(PUSH_PATH, (400, error("400.002.02", "Bad Request - Invalid 254708374149")))
    outcome = wallet().prompt(wish())
    assert isinstance(outcome, Rejected)
    assert "254708374149" not in outcome.message
