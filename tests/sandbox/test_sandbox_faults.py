"""Bad days on demand: what each fault does, and which words are not understood."""

from typing import Any

import pytest

from sandbox.listener import Listener
from sandbox.testing import Box

PHONE = "/phones/+254712345678"


def codes(gateway: Listener) -> list[Any]:
    return [one["Body"]["stkCallback"]["ResultCode"] for one in gateway.at("/stk")]


def test_auto_pays_without_a_human(box: Box, gateway: Listener) -> None:
    box.fault("stk", auto=True)
    box.push()
    box.pass_time(3)
    assert codes(gateway) == [0]


def test_auto_false_leaves_the_outcome_to_the_moment_of_the_answer(box: Box, gateway: Listener) -> None:
    box.fault("stk", auto=False, outcome="insufficient")
    box.push()
    box.pass_time(5)
    assert codes(gateway) == []
    box.call("POST", f"{PHONE}/prompt", json={"pin": "1234"})
    box.pass_time(1)
    assert codes(gateway) == [1]


def test_drop_takes_the_money_and_loses_the_callback(box: Box, gateway: Listener) -> None:
    box.fault("stk", auto=True, drop=True)
    box.push()
    box.pass_time(5)
    assert gateway.heard == []
    assert len(box.get("/statement.json")["rows"]) == 1
    assert box.get("/callbacks")[0]["error"] == "dropped by fault"


@pytest.mark.parametrize(("duplicate", "copies"), [(True, 2), (3, 4)])
def test_duplicate_sends_extra_copies_of_one_payment(
    box: Box, gateway: Listener, duplicate: Any, copies: int
) -> None:
    box.fault("stk", auto=True, duplicate=duplicate)
    box.push()
    box.pass_time(5)
    assert codes(gateway) == [0] * copies
    assert len(box.get("/statement.json")["rows"]) == 1


def test_delay_holds_the_callback_back(box: Box, gateway: Listener) -> None:
    box.fault("stk", auto=True, delay_s=60)
    box.push()
    box.pass_time(50)
    assert gateway.heard == []
    box.pass_time(15)
    assert codes(gateway) == [0]


def test_reorder_lets_the_confirmation_overtake_the_callback(box: Box, gateway: Listener) -> None:
    box.register_urls()
    box.fault("stk", auto=True, reorder=True)
    box.push()
    box.pass_time(10)
    assert [one.path.rsplit("/", 1)[-1] for one in gateway.heard] == ["confirmation", "stk"]


def test_late_success_first_says_1037_then_pays(box: Box, gateway: Listener) -> None:
    box.fault("stk", late_success=30)
    checkout_id = box.push().get_json()["CheckoutRequestID"]
    box.pass_time(3)
    assert codes(gateway) == [1037]
    assert box.query(checkout_id).get_json()["ResultCode"] == "1037"
    box.pass_time(31)
    assert codes(gateway) == [1037, 0]
    assert box.query(checkout_id).get_json()["ResultCode"] == "0"
    assert len(box.get("/statement.json")["rows"]) == 1


def test_late_success_follows_an_expired_outcome_too(box: Box, gateway: Listener) -> None:
    box.fault("stk", outcome="expired", late_success=5)
    box.push()
    box.pass_time(10)
    assert codes(gateway) == [1019, 0]


def test_outage_answers_503_and_asks_nobody(box: Box) -> None:
    box.fault("stk", outage=True)
    answer = box.push()
    assert answer.status_code == 503
    assert answer.get_json()["errorCode"] == "500.003.02"
    assert box.get(PHONE)["prompt"] is None


def test_http_status_is_answered_without_doing_anything(box: Box) -> None:
    box.fault("stk", http_status=502)
    assert box.push().status_code == 502
    assert box.get(PHONE)["prompt"] is None


def test_error_code_comes_in_the_providers_body(box: Box) -> None:
    box.fault("stk", error_code="500.003.03")
    answer = box.push()
    assert answer.status_code == 500
    assert answer.get_json()["errorCode"] == "500.003.03"


def test_accept_then_timeout_asks_the_phone_and_says_nothing_useful(box: Box) -> None:
    box.fault("stk", accept_then_timeout=0.01)
    assert box.push().status_code == 504
    assert box.get(PHONE)["prompt"]


def test_a_fault_for_one_phone_leaves_the_others_alone(box: Box) -> None:
    box.fault("stk", http_status=500, phone="0712345678")
    assert box.push().status_code == 500
    assert box.push(PhoneNumber="254722000111").status_code == 200


def test_a_rate_hits_some_and_the_seed_decides_which(box: Box) -> None:
    def pattern() -> list[int]:
        box.fault("pull", http_status=500, rate=0.5, seed=7)
        body = {"ShortCode": "174379", "StartDate": "2026-11-22 00:00:00", "EndDate": "2026-11-22 23:59:59"}
        return [box.daraja("/pulltransactions/v1/query", body).status_code for _ in range(20)]

    first = pattern()
    assert {200, 500} == set(first)
    assert pattern() == first


def test_faults_are_listed_and_cleared(box: Box) -> None:
    box.fault("stk", auto=True)
    box.fault("sms", drop=True)
    assert box.get("/faults") == {"stk": {"auto": True}, "sms": {"drop": True}}
    assert box.call("DELETE", "/faults").get_json() == {}
    assert box.push().status_code == 200


def test_c2b_outage_loses_confirmations_for_the_pull_to_find(box: Box, gateway: Listener) -> None:
    box.register_urls(ValidationURL="")
    box.fault("c2b", outage=True)
    box.call("POST", "/c2b", json={"phone": "0712345678", "amount": 20, "account": "4"})
    box.pass_time(5)
    assert gateway.at("confirmation") == []
    assert len(box.get("/statement.json")["rows"]) == 1


@pytest.mark.parametrize(
    ("part", "spec"),
    [
        ("weather", {}),
        ("stk", {"colour": "red"}),
        ("stk", {"outcome": "maybe"}),
        ("stk", {"auto": "yes"}),
        ("stk", {"delay_s": -1}),
        ("stk", {"rate": 1.5}),
        ("stk", {"http_status": 200}),
        ("stk", {"phone": "12"}),
        ("stk", {"error_code": "busy"}),
        ("stk", {"half_post": True}),
        ("stk", {"duplicate": 1000}),
        ("stk", {"seed": 1.5}),
        ("civil", {"auto": True}),
        ("sms", {"error_code": "x"}),
        ("stk", []),
        ("stk", None),
    ],
)
def test_what_nobody_would_obey_is_refused_with_a_reason(box: Box, part: str, spec: Any) -> None:
    answer = box.call("PUT", f"/faults/{part}", json=spec)
    assert answer.status_code == 400
    assert answer.get_json()["error"]
    assert box.get("/faults") == {}


@pytest.mark.parametrize("wanted", [{"x": 1}, {"prompt_seconds": "60"}, {"prompt_seconds": True}, [], None])
def test_switches_that_do_not_exist_are_refused(box: Box, wanted: Any) -> None:
    answer = box.call("PUT", "/switches", json=wanted)
    assert answer.status_code == 400
    assert answer.get_json()["error"]
