"""Daraja's tokens: who gets one, and how long it is good."""

from sandbox.testing import Box

GENERATE = "/daraja/oauth/v1/generate?grant_type=client_credentials"


def test_right_credentials_give_a_token_for_an_hour(box: Box) -> None:
    answer = box.get(GENERATE, auth=("sandbox-key", "sandbox-secret"))
    assert answer["access_token"]
    assert answer["expires_in"] == "3599"


def test_life_time_is_a_number_when_the_switch_says_so(box: Box) -> None:
    box.switch(token_expires_as_text=False)
    assert box.get(GENERATE, auth=("sandbox-key", "sandbox-secret"))["expires_in"] == 3599


def test_wrong_credentials_are_refused_in_darajas_words(box: Box) -> None:
    answer = box.call("GET", GENERATE, auth=("sandbox-key", "guess"))
    assert answer.status_code == 400
    assert answer.get_json()["errorCode"] == "400.008.01"


def test_missing_basic_header_is_a_bad_authentication(box: Box) -> None:
    assert box.get(GENERATE)["errorCode"] == "400.008.01"


def test_another_grant_is_refused(box: Box) -> None:
    answer = box.get("/daraja/oauth/v1/generate?grant_type=password", auth=("sandbox-key", "sandbox-secret"))
    assert answer["errorCode"] == "400.008.02"


def test_a_new_token_ends_the_one_before(box: Box) -> None:
    first = box.fresh_token()
    box.fresh_token()
    old = {"Authorization": f"Bearer {first}"}
    answer = box.daraja("/mpesa/stkpush/v1/processrequest", box.push_body(), headers=old)
    assert answer.status_code == 404
    assert answer.get_json()["errorCode"] == "404.001.03"
    assert answer.get_json()["errorMessage"] == "Invalid Access Token"


def test_a_token_dies_after_an_hour(box: Box) -> None:
    box.fresh_token()
    box.pass_time(3601)
    assert box.push().get_json()["errorCode"] == "404.001.03"


def test_no_bearer_is_a_bad_header(box: Box) -> None:
    answer = box.call("POST", "/daraja/mpesa/stkpush/v1/processrequest", json=box.push_body())
    assert answer.status_code == 404
    assert answer.get_json()["errorCode"] == "404.001.04"


def test_posting_for_a_token_is_a_method_not_allowed(box: Box) -> None:
    answer = box.call("POST", GENERATE)
    assert answer.status_code == 405
    assert answer.get_json()["errorCode"] == "405.001"


def test_unknown_paths_are_refused_in_darajas_words(box: Box) -> None:
    answer = box.call("GET", "/daraja/mpesa/nothing")
    assert answer.status_code == 404
    assert set(answer.get_json()) == {"requestId", "errorCode", "errorMessage"}
    assert answer.get_json()["errorCode"] == "404.001.01"
