"""Looking into the sandbox, starting afresh, and what it keeps to itself."""

from typing import Any

import pytest

from sandbox.listener import Listener
from sandbox.testing import Box


def test_health_is_plain(box: Box) -> None:
    assert box.get("/healthz") == {"status": "ok"}


def test_daraja_requests_are_kept_without_secrets(box: Box) -> None:
    box.push()
    kept = box.get("/requests?to=daraja")
    assert [one["path"] for one in kept][-1] == "/daraja/mpesa/stkpush/v1/processrequest"
    body = kept[-1]["body"]
    assert body["Password"] == "***"
    assert body["CallBackURL"].endswith("/hooks/***/stk")
    assert body["Amount"] == 50
    text = str(kept)
    for secret in ("sandbox-secret", "sandbox-passkey", "/dev/"):
        assert secret not in text


def test_unreadable_bodies_are_counted_not_copied(box: Box) -> None:
    box.call("POST", "/daraja/mpesa/stkpush/v1/processrequest", data=b"\xff\xfe{")
    assert box.get("/requests?to=daraja")[0]["body"] == "unreadable, 3 bytes"


def test_callbacks_show_the_gateways_answer_without_the_token(box: Box, gateway: Listener) -> None:
    box.fault("stk", auto=True)
    box.push()
    box.pass_time(3)
    [sent] = box.get("/callbacks")
    assert sent["status"] == 200
    assert sent["url"].endswith("/hooks/***/stk")
    assert len(gateway.heard) == 1


def test_a_lost_callback_is_not_sent_again_unless_told_to(tmp_path: Any) -> None:
    box = Box(tmp_path / "lonely", "http://127.0.0.1:9")
    try:
        box.fault("stk", auto=True)
        box.push()
        box.pass_time(60)
        assert [one["error"] for one in box.get("/callbacks")] == ["ConnectionError"]
        box.switch(callback_retries=2)
        box.push()
        box.pass_time(60)
        assert len(box.get("/callbacks")) == 4
    finally:
        box.close()


def test_reset_forgets_events_but_keeps_what_was_set_up(box: Box, gateway: Listener) -> None:
    box.register_urls(ValidationURL="")
    box.fault("stk", auto=True)
    box.push()
    box.pass_time(3)
    assert box.call("POST", "/reset").status_code == 200
    assert box.get("/faults") == {}
    assert box.get("/statement.json")["rows"] == []
    assert box.get("/requests") == []
    assert box.get("/clock")["offset_s"] == 0
    assert box.push().status_code == 200
    box.call("POST", "/c2b", json={"phone": "0712345678", "amount": 10, "account": "4"})
    gateway.heard.clear()
    box.pass_time(2)
    assert len(gateway.at("confirmation")) == 1


def test_a_full_reset_forgets_registrations_and_tokens_too(box: Box) -> None:
    box.register_urls()
    box.call("POST", "/reset", json={"all": True})
    assert box.push().get_json()["errorCode"] == "404.001.03"


@pytest.mark.parametrize("body", [{}, {"advance_s": -1}, {"advance_s": "1"}, {"advance_s": True}, [], None])
def test_the_clock_goes_forward_only(box: Box, body: Any) -> None:
    assert box.call("POST", "/clock", json=body).status_code == 400


@pytest.mark.parametrize("path", ["/sms?to=nobody", "/requests?to=moon", "/statement?date=x"])
def test_unclear_questions_get_a_reason(box: Box, path: str) -> None:
    answer = box.call("GET", path)
    assert answer.status_code == 400
    assert answer.get_json()["error"]


def test_bodies_over_a_megabyte_are_refused(box: Box) -> None:
    answer = box.call(
        "PUT", "/faults/stk", data=b"x" * 1_000_001, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 413}


def test_the_page_allows_no_script_but_its_own(box: Box) -> None:
    page = box.call("GET", "/")
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    text = page.get_data(as_text=True)
    assert "style=" not in text
    assert "onclick" not in text


def test_the_page_knows_the_code_and_some_people(box: Box) -> None:
    facts = box.get("/page.json")
    assert facts["service_code"] == "*384*96#"
    assert facts["people"][0]["id"] == "12345678"


def test_files_outside_the_page_cannot_be_fetched(box: Box) -> None:
    assert box.call("GET", "/static/../page.py").status_code == 404
    assert box.call("GET", "/static/%2e%2e/page.py").status_code == 404


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"PhoneNumber": "\\ud800"}', b'{"AccountReference": "\\ud800"}']
)
@pytest.mark.parametrize(
    "path",
    [
        "/daraja/mpesa/stkpush/v1/processrequest",
        "/fund/registry/notify",
        "/phones/0712345678/dial",
        "/c2b",
    ],
)
def test_hostile_bodies_are_refused_not_crashed_on(box: Box, path: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {box.fresh_token()}", "Content-Type": "application/json"}
    assert 400 <= box.call("POST", path, data=body, headers=headers).status_code < 500


def test_a_lone_surrogate_in_an_otherwise_good_push_is_refused(box: Box) -> None:
    answer = box.push(AccountReference="4\ud800")
    assert answer.status_code == 400
    assert answer.get_json()["errorCode"] == "400.002.05"
