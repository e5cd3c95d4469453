"""The token is shared, refreshed once when refused, and its lack means that nothing was sent."""

from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from core.errors import InvalidValue
from core.shared_token import LocalTokenCache
from payments.wallets.mpesa.stk import PUSH_PATH
from payments.wallets.mpesa.wallet import MpesaWallet
from payments.wallets.protocol import Accepted, Rejected
from tests.payments.wallets.mpesa_bodies import ACCEPTED, TOKEN, error
from tests.payments.wallets.mpesa_stubs import Daraja, StoppedClock, config, wallet, wish

OAUTH = "/oauth/v1/generate"
REFUSED = (404, error("404.001.03", "Invalid Access Token"))


def test_one_token_serves_many_requests(daraja: Daraja) -> None:
    daraja.answer(PUSH_PATH, (200, ACCEPTED))
    mpesa = wallet()
    mpesa.prompt(wish())
    mpesa.prompt(wish())
    assert len(daraja.bodies(OAUTH)) == 1


@pytest.mark.parametrize("expires_in", [3599, "3599"])
def test_the_life_of_a_token_may_be_number_or_text(daraja: Daraja, expires_in: Any) -> None:
    daraja.answer(OAUTH, (200, TOKEN | {"expires_in": expires_in}))
    daraja.answer(PUSH_PATH, (200, ACCEPTED))
    assert isinstance(wallet().prompt(wish()), Accepted)


@pytest.mark.parametrize(
    "refusal",
    [
        REFUSED,
        (400, error("400.003.01", "Invalid Access Token")),
        (401, error("401.003.01", "Error Occurred - Invalid Access Token")),
        (401, ""),
    ],
)
def test_a_refused_token_is_replaced_and_the_request_sent_once_more(
    daraja: Daraja, refusal: tuple[int, Any]
) -> None:
    daraja.answer(OAUTH, (200, TOKEN), (200, TOKEN | {"access_token": "second"}))
    daraja.answer(PUSH_PATH, refusal, (200, ACCEPTED))
    assert isinstance(wallet().prompt(wish()), Accepted)
    sent = [one.headers["Authorization"] for one in daraja.asked if PUSH_PATH in str(one.url)]
    assert sent == [f"Bearer {TOKEN['access_token']}", "Bearer second"]


def test_a_token_refused_twice_is_given_up(daraja: Daraja) -> None:
    daraja.answer(PUSH_PATH, REFUSED)
    outcome = wallet().prompt(wish())
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.alert) == ("404.001.03", True)
    assert len(daraja.bodies(PUSH_PATH)) == 2


@pytest.mark.parametrize(
    "answer",
    [
        (500, ""),
        (503, "<html>"),
        (200, "<html>"),
        (200, {"access_token": "has a blank", "expires_in": "3599"}),
        (200, {"access_token": "line\r\nbreak", "expires_in": "3599"}),
        (200, {"access_token": "x", "expires_in": "soon"}),
        requests.exceptions.ReadTimeout(),
        requests.exceptions.ConnectTimeout(),
    ],
)
def test_without_a_token_nothing_was_sent_and_later_is_fine(daraja: Daraja, answer: Any) -> None:
    daraja.answer(OAUTH, answer)
    daraja.answer(PUSH_PATH, (200, ACCEPTED))
    outcome = wallet().prompt(wish())
    assert isinstance(outcome, Rejected)
    assert outcome.retry_seconds == 30
    assert daraja.bodies(PUSH_PATH) == []


@pytest.mark.parametrize("code", ["400.008.01", "400.008.02"])
def test_wrong_credentials_are_an_alert_and_not_tried_again(daraja: Daraja, code: str) -> None:
    daraja.answer(OAUTH, (400, error(code, "Invalid Authentication passed")))
    outcome = wallet().prompt(wish())
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.retry_seconds, outcome.alert) == (code, None, True)


def test_the_credentials_are_in_no_repr() -> None:
    shown = repr(config())
    assert "sandbox-key" not in shown
    assert "sandbox-secret" not in shown
    assert "sandbox-passkey" not in shown


def test_a_session_that_retries_by_itself_is_refused() -> None:
    http = requests.Session()
    http.mount("https://", HTTPAdapter(max_retries=2))
    with pytest.raises(InvalidValue, match="retry"):
        MpesaWallet(config(), LocalTokenCache(), http, StoppedClock())


def test_a_netrc_on_the_machine_does_not_replace_the_token(
    daraja: Daraja, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine daraja.test login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    daraja.answer(PUSH_PATH, (200, ACCEPTED))
    wallet().prompt(wish())
    assert daraja.asked[-1].headers["Authorization"] == f"Bearer {TOKEN['access_token']}"


@pytest.mark.parametrize(
    "changed",
    [
        {"shortcode": "12"},
        {"till": "abc"},
        {"base_url": "https://daraja.test/"},
        {"base_url": "daraja.test"},
        {"read_timeout_seconds": 0},
    ],
)
def test_a_wallet_is_not_made_from_odd_settings(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        config(**changed)
