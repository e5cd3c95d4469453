"""Registering addresses: done, done before, or failed; never in doubt."""

from typing import Any

import pytest
import requests

from core.errors import InvalidValue
from core.phone import PhoneNumber
from payments.wallets.mpesa.registration import (
    PULL_REGISTER_PATH,
    Registration,
    RegistrationFailed,
    register_hand_payments,
    register_pull,
)
from payments.wallets.mpesa.wallet import MpesaWallet
from tests.payments.wallets.mpesa_bodies import error
from tests.payments.wallets.mpesa_stubs import Daraja, wallet

V1, V2 = "/mpesa/c2b/v1/registerurl", "/mpesa/c2b/v2/registerurl"
DONE = {"OriginatorCoversationID": "7619-37765134-1", "ResponseCode": "0", "ResponseDescription": "success"}
VALIDATION = "https://kibaba.test/hooks/dev/c2b/validation"
CONFIRMATION = "https://kibaba.test/hooks/dev/c2b/confirmation"


def register(mpesa: MpesaWallet, validation_url: str = VALIDATION) -> Registration:
    return register_hand_payments(mpesa.client, validation_url=validation_url, confirmation_url=CONFIRMATION)


@pytest.mark.parametrize(("version", "path"), [("v1", V1), ("v2", V2)])
def test_addresses_are_registered_under_the_configured_version(
    daraja: Daraja, version: str, path: str
) -> None:
    daraja.answer(path, (200, DONE))
    assert register(wallet(c2b_version=version)) is Registration.NEW
    assert daraja.bodies(path) == [
        {
            "ShortCode": "174379",
            "ResponseType": "Completed",
            "ConfirmationURL": CONFIRMATION,
            "ValidationURL": VALIDATION,
        }
    ]


@pytest.mark.parametrize("words", ["Urls are already registered", "Duplicate notification info, url exists"])
def test_addresses_registered_before_are_no_failure(daraja: Daraja, words: str) -> None:
    daraja.answer(V2, (500, error("500.003.1001", words)))
    assert register(wallet()) is Registration.ALREADY


@pytest.mark.parametrize(
    "answer",
    [
        (500, error("500.003.1001", "Internal Server Error")),
        (200, {"ResponseCode": "1"}),
        (200, {}),
        (200, "<html>"),
        requests.exceptions.ReadTimeout(),
    ],
)
def test_another_answer_is_a_failure(daraja: Daraja, answer: Any) -> None:
    daraja.answer(V2, answer)
    with pytest.raises(RegistrationFailed):
        register(wallet())


def test_an_address_daraja_refuses_is_not_sent(daraja: Daraja) -> None:
    with pytest.raises(InvalidValue, match="mpesa"):
        register(wallet(), "https://kibaba.test/hooks/Mpesa")
    assert daraja.asked == []


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"ResponseStatus": "1000", "ResponseDescription": "Registered"}, Registration.NEW),
        ({"Response Status": "1000", "Response Description": "Registered"}, Registration.NEW),
        (
            {"ResponseStatus": "1001", "ResponseDescription": "ShortCode already Registered"},
            Registration.ALREADY,
        ),
        ({"Response Status": 1001, "Response Description": "Already  registered"}, Registration.ALREADY),
    ],
)
def test_pulling_is_registered_with_spaced_keys_or_without(
    daraja: Daraja, answer: Any, outcome: Registration
) -> None:
    daraja.answer(PULL_REGISTER_PATH, (200, answer))
    nominated = PhoneNumber.parse("0722000000")
    url = "https://kibaba.test/hooks/dev/pull"
    assert register_pull(wallet().client, nominated=nominated, callback_url=url) is outcome
    [body] = daraja.bodies(PULL_REGISTER_PATH)
    assert body == {
        "ShortCode": "174379",
        "RequestType": "Pull",
        "NominatedNumber": "254722000000",
        "CallBackURL": url,
    }


@pytest.mark.parametrize(
    "answer", [{"ResponseStatus": "1001", "ResponseDescription": "Failed"}, {}, "<html>"]
)
def test_a_pull_registration_that_does_not_say_so_failed(daraja: Daraja, answer: Any) -> None:
    daraja.answer(PULL_REGISTER_PATH, (200, answer))
    with pytest.raises(RegistrationFailed):
        register_pull(
            wallet().client,
            nominated=PhoneNumber.parse("0722000000"),
            callback_url="https://kibaba.test/hooks/dev/pull",
        )
