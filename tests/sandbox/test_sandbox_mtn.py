"""The sandbox's MoMo: keys, target and reference checked, one payment per reference, callbacks by PUT."""

import uuid
from typing import Any

import pytest
from werkzeug.test import TestResponse

from sandbox.listener import Listener
from sandbox.testing import Box

PHONE = "+256772123456"
PATH = "/mtn/collection/v1_0/requesttopay"
KEY = {"Ocp-Apim-Subscription-Key": "sandbox-mtn-subscription"}
USER = ("7f3a0c1e-5b0d-4a52-9d55-3d3c6f1a2b10", "sandbox-mtn-key")


def headers(box: Box) -> dict[str, str]:
    given = box.call("POST", "/mtn/collection/token/", headers=KEY, auth=USER).get_json()
    return KEY | {"Authorization": f"Bearer {given['access_token']}", "X-Target-Environment": "sandbox"}


def body(**changes: Any) -> dict[str, Any]:
    return {
        "amount": "5000",
        "currency": "UGX",
        "externalId": "wish-1",
        "payer": {"partyIdType": "MSISDN", "partyId": "256772123456"},
        "payerMessage": "Savings",
        "payeeNote": "400000012",
        **changes,
    }


def ask_to_pay(
    box: Box,
    reference: str = "",
    wanted: dict[str, Any] | None = None,
    sent: dict[str, str] | None = None,
) -> TestResponse:
    named = {"X-Reference-Id": reference or str(uuid.uuid4())}
    return box.call("POST", PATH, json=wanted or body(), headers=headers(box) | named | (sent or {}))


def status(box: Box, reference: str) -> Any:
    return box.get(f"{PATH}/{reference}", headers=headers(box))


def test_a_request_shows_on_the_phone_and_its_callback_comes_by_put(box: Box, gateway: Listener) -> None:
    reference = str(uuid.uuid4())
    hook = f"{box.target}/hooks/dev/mtn/1"
    accepted = ask_to_pay(box, reference, sent={"X-Callback-Url": hook})
    assert (accepted.status_code, accepted.get_data()) == (202, b"")
    assert status(box, reference)["status"] == "PENDING"
    prompt = box.get(f"/phones/{PHONE}")["prompt"]
    assert (prompt["wallet"], prompt["text"].startswith("Pay UGX 5,000.00")) == ("MTN MoMo", True)
    box.call("POST", f"/phones/{PHONE}/prompt", json={"pin": "1234"})
    box.pass_time(1)
    found = status(box, reference)
    assert (found["status"], found["externalId"]) == ("SUCCESSFUL", "wish-1")
    assert gateway.at("/hooks/dev/mtn/1") == [found]
    assert box.get("/callbacks")[-1]["status"] == 200


def test_a_reference_is_taken_once(box: Box) -> None:
    reference = str(uuid.uuid4())
    assert ask_to_pay(box, reference).status_code == 202
    again = ask_to_pay(box, reference)
    assert (again.status_code, again.get_json()["code"]) == (409, "RESOURCE_ALREADY_EXIST")


@pytest.mark.parametrize("reference", ["wish-1", "01932f00-0000-7000-8000-000000000007"])
def test_a_reference_is_a_uuid_of_version_4(box: Box, reference: str) -> None:
    assert ask_to_pay(box, reference).status_code == 400


@pytest.mark.parametrize(
    ("wanted", "http_status", "code"),
    [
        (body(amount=5000), 400, "BAD_REQUEST"),
        (body(amount="50.5"), 400, "BAD_REQUEST"),
        (body(currency="KES"), 500, "INVALID_CURRENCY"),
        (body(payer={"partyIdType": "EMAIL", "partyId": "a@b"}), 400, "BAD_REQUEST"),
        (body(payer={"partyIdType": "MSISDN", "partyId": "254712345678"}), 500, "PAYER_NOT_FOUND"),
        (body(payeeNote="x" * 161), 400, "BAD_REQUEST"),
    ],
)
def test_what_is_not_right_is_refused(box: Box, wanted: dict[str, Any], http_status: int, code: str) -> None:
    refused = ask_to_pay(box, wanted=wanted)
    assert (refused.status_code, refused.get_json()["code"]) == (http_status, code)


def test_keys_target_and_callback_host_are_checked(box: Box) -> None:
    assert ask_to_pay(box, sent={"Ocp-Apim-Subscription-Key": "guessed"}).status_code == 401
    assert ask_to_pay(box, sent={"Authorization": "Bearer guessed"}).status_code == 401
    wrong = ask_to_pay(box, sent={"X-Target-Environment": "mtnuganda"})
    assert wrong.get_json()["code"] == "NOT_ALLOWED_TARGET_ENVIRONMENT"
    wrong = ask_to_pay(box, sent={"X-Callback-Url": "https://elsewhere.example/hooks"})
    assert wrong.get_json()["code"] == "INVALID_CALLBACK_URL_HOST"


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ("cancelled", "APPROVAL_REJECTED"),
        ("insufficient", "NOT_ENOUGH_FUNDS"),
        ("timeout", "COULD_NOT_PERFORM_TRANSACTION"),
        ("expired", "EXPIRED"),
    ],
)
def test_every_failure_has_its_reason(box: Box, outcome: str, reason: str) -> None:
    box.fault("mtn", outcome=outcome)
    reference = str(uuid.uuid4())
    ask_to_pay(box, reference)
    box.pass_time(3)
    found = status(box, reference)
    assert (found["status"], found["reason"]) == ("FAILED", reason)
    assert "financialTransactionId" not in found


def test_an_untouched_prompt_is_over_after_its_time(box: Box) -> None:
    reference = str(uuid.uuid4())
    ask_to_pay(box, reference)
    box.pass_time(61)
    assert status(box, reference)["reason"] == "COULD_NOT_PERFORM_TRANSACTION"


def test_the_poor_cannot_pay(box: Box) -> None:
    box.call("PUT", f"/phones/{PHONE}/wallet", json={"balance": 100})
    reference = str(uuid.uuid4())
    ask_to_pay(box, reference)
    box.call("POST", f"/phones/{PHONE}/prompt", json={"pin": "1234"})
    assert status(box, reference)["reason"] == "NOT_ENOUGH_FUNDS"
    assert box.get(f"/phones/{PHONE}")["wallet"]["balance_cents"] == 10_000


def test_the_statement_names_the_members_number_and_our_account(box: Box) -> None:
    box.fault("mtn", outcome="paid")
    ask_to_pay(box)
    box.pass_time(3)
    [row] = box.get("/statement/mtn.json")["rows"]
    assert (row["reference"], row["external_id"], row["amount_cents"]) == ("400000012", "wish-1", 500_000)
    exported = box.call("GET", "/statement/mtn").get_data(as_text=True)
    assert "FRI:MTNFUND/MM" in exported
    assert row["receipt"] in exported


def test_a_reset_forgets_prompts_and_money(box: Box) -> None:
    ask_to_pay(box)
    assert box.get("/requests?to=mtn")
    box.call("POST", "/reset")
    assert box.get(f"/phones/{PHONE}")["prompt"] is None
    assert box.get("/statement/mtn.json")["rows"] == []
