"""Asking about a prompt: an open one is not a failed one, and doubt stays doubt."""

from typing import Any

import pytest
import requests

from core.errors import InvalidValue
from payments.wallets.mpesa.result_codes import RESULT_CODES
from payments.wallets.mpesa.stk import QUERY_PATH
from payments.wallets.protocol import Fate, PromptResult, StillOpen, Unknown
from tests.payments.wallets.mpesa_bodies import CHECKOUT, PROCESSING, error, queried
from tests.payments.wallets.mpesa_stubs import Daraja, wallet


def test_the_question_is_signed_and_names_the_prompt(daraja: Daraja) -> None:
    daraja.answer(QUERY_PATH, (200, queried("0")))
    wallet().ask(CHECKOUT)
    [body] = daraja.bodies(QUERY_PATH)
    assert body["CheckoutRequestID"] == CHECKOUT
    assert set(body) == {"BusinessShortCode", "Password", "Timestamp", "CheckoutRequestID"}


def test_paid_by_query_has_no_receipt_yet(daraja: Daraja) -> None:
    daraja.answer(QUERY_PATH, (200, queried("0", "The service request is processed successfully.")))
    outcome = wallet().ask(CHECKOUT)
    assert isinstance(outcome, PromptResult)
    assert (outcome.fate, outcome.receipt, outcome.amount) == (Fate.PAID, None, None)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, error("500.001.1001", PROCESSING)),
        (500, error("500.001.1001", "The Transaction is  Being Processed.")),
        (200, queried("4999", "The transaction is still under processing")),
    ],
)
def test_an_open_prompt_is_still_open_whatever_the_status(daraja: Daraja, status: int, body: Any) -> None:
    daraja.answer(QUERY_PATH, (status, body))
    assert wallet().ask(CHECKOUT) == StillOpen()


@pytest.mark.parametrize("code", sorted(RESULT_CODES))
def test_every_known_code_has_its_fate(daraja: Daraja, code: str) -> None:
    daraja.answer(QUERY_PATH, (200, queried(code)))
    outcome = wallet().ask(CHECKOUT)
    assert isinstance(outcome, PromptResult)
    assert (outcome.code, outcome.fate) == (code, RESULT_CODES[code].fate)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, error("500.001.1001", "Wrong credentials")),
        (500, error("500.001.1001", "Merchant does not exist")),
        (500, error("500.003.02", "Error Occurred: Spike Arrest Violation")),
        (500, error("500.003.03", "Error Occurred: Quota Violation")),
        (500, error("500.003.1001", "Internal Server Error")),
        (400, error("400.002.02", "Bad Request - Invalid CheckoutRequestID")),
        (503, "<html>"),
        (200, "not json"),
        (200, {"ResponseCode": "0"}),
        (200, queried("0", checkout_id="ws_CO_of_somebody_else")),
        (200, ""),
    ],
)
def test_an_answer_that_does_not_say_leaves_the_prompt_unknown(
    daraja: Daraja, status: int, body: Any
) -> None:
    daraja.answer(QUERY_PATH, (status, body))
    outcome = wallet().ask(CHECKOUT)
    assert isinstance(outcome, Unknown)
    assert outcome.reason


@pytest.mark.parametrize("failure", [requests.exceptions.ConnectTimeout(), requests.exceptions.ReadTimeout()])
def test_no_connection_leaves_the_prompt_unknown(daraja: Daraja, failure: Exception) -> None:
    daraja.answer(QUERY_PATH, failure)
    assert isinstance(wallet().ask(CHECKOUT), Unknown)


@pytest.mark.parametrize("checkout_id", ["", "two words", "x" * 101, "ws_CO_1\n"])
def test_what_is_no_checkout_id_is_not_asked(daraja: Daraja, checkout_id: str) -> None:
    with pytest.raises(InvalidValue):
        wallet().ask(checkout_id)
    assert daraja.asked == []
