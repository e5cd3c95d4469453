"""The official SDK behind our protocol: against the sandbox, and against answers it never gives."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from core.phone import PhoneNumber
from messages.africastalking.provider_codes import BY_CODE
from messages.africastalking.sms import AfricasTalkingSms, outcome_of, outcome_of_failure
from messages.provider import SmsAccepted, SmsOutcome, SmsRefused, SmsUnknown
from sandbox.testing import running_sandbox
from tests.messages.smtp_server import smtp_server, write_certificate

PHONE = PhoneNumber("+254712345678")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as url:
        yield url


@pytest.fixture
def clear(sandbox: str) -> Iterator[str]:
    requests.delete(f"{sandbox}/faults", timeout=30)
    yield sandbox
    requests.delete(f"{sandbox}/faults", timeout=30)


def send(sandbox: str, body: str = "Haba Fund: hello", api_key: str = "sandbox-at-key") -> SmsOutcome:
    return AfricasTalkingSms("sandbox", api_key, url=f"{sandbox}/africastalking").send(PHONE, body, "key")


def test_an_sms_arrives_and_has_an_id_and_a_cost(clear: str) -> None:
    body = "Haba Fund: tumepokea KES 50 @ 5% {x}"
    outcome = send(clear, body)
    assert isinstance(outcome, SmsAccepted)
    assert (outcome.status, outcome.cost) == ("Success", "KES 0.8000")
    inbox = requests.get(f"{clear}/sms", params={"to": PHONE.e164}, timeout=30).json()
    assert [(sms["id"], sms["text"]) for sms in inbox][-1] == (outcome.provider_id, body)


def test_a_wrong_key_alerts_and_is_tried_again(clear: str) -> None:
    assert send(clear, api_key="wrong") == SmsRefused("http 401", permanent=False, alert=True)


def test_an_empty_sms_is_refused_for_good(clear: str) -> None:
    assert send(clear, body=" ") == SmsRefused("http 400", permanent=True, alert=True)


@pytest.mark.parametrize("code", sorted(set(BY_CODE) - {100, 101, 102}))
def test_every_refusal_of_a_recipient_is_known(clear: str, code: int) -> None:
    requests.put(f"{clear}/faults/sms", json={"error_code": code}, timeout=30)
    known = BY_CODE[code]
    assert send(clear) == SmsRefused(
        f"{code} {known.name}", permanent=known.permanent, alert=code in {402, 405}
    )


def test_a_code_nobody_knows_is_stored_and_not_repeated(clear: str) -> None:
    requests.put(f"{clear}/faults/sms", json={"error_code": 777}, timeout=30)
    assert send(clear) == SmsUnknown("status code 777 (Unknown)", may_repeat=False)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"outage": True}, SmsRefused("http 503", permanent=False)),
        ({"http_status": 429}, SmsRefused("http 429", permanent=False)),
        ({"http_status": 500}, SmsUnknown("http 500", may_repeat=True)),
        ({"accept_then_timeout": 0.01}, SmsUnknown("http 504", may_repeat=True)),
    ],
)
def test_a_bad_day_at_the_provider_is_told_apart(
    clear: str, fault: dict[str, Any], outcome: SmsOutcome
) -> None:
    requests.put(f"{clear}/faults/sms", json=fault, timeout=30)
    assert send(clear) == outcome


def test_a_closed_port_is_surely_not_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert AfricasTalkingSms("sandbox", "key", url=url).send(PHONE, "x", "key") == SmsRefused(
            "no connection", permanent=False
        )


@contextmanager
def provider_that_says(content_type: str, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if body:
                self.send_response(201)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(**recipient: Any) -> dict[str, Any]:
    filled = {
        "statusCode": 101,
        "number": PHONE.e164,
        "status": "Success",
        "cost": "KES 0.8000",
        "messageId": "ATXid_1",
    }
    return {"SMSMessageData": {"Message": "Sent to 1/1", "Recipients": [{**filled, **recipient}]}}


ACCEPTED = SmsAccepted("ATXid_1", "Success", "KES 0.8000")
UNREADABLE = SmsUnknown("an answer that cannot be read", may_repeat=False)


@pytest.mark.parametrize(
    ("content_type", "body", "outcome"),
    [
        ("application/json", json.dumps(answer()).encode(), ACCEPTED),
        ("application/json; charset=utf-8", json.dumps(answer()).encode(), ACCEPTED),
        ("text/html", b"<html>hello</html>", UNREADABLE),
        ("application/json", b"{", UNREADABLE),
    ],
)
def test_an_answer_is_read_whatever_its_content_type(
    content_type: str, body: bytes, outcome: SmsOutcome
) -> None:
    with provider_that_says(content_type, body) as url:
        assert AfricasTalkingSms("sandbox", "key", url=url).send(PHONE, "x", "key") == outcome


def test_a_connection_that_breaks_after_the_request_is_unknown() -> None:
    with provider_that_says("", b"") as url:
        outcome = AfricasTalkingSms("sandbox", "key", url=url).send(PHONE, "x", "key")
    assert outcome == SmsUnknown("no answer: ConnectionError", may_repeat=True)


def test_who_shows_a_certificate_that_does_not_hold_is_sent_nothing(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    write_certificate(certificate)
    with smtp_server(certificate, from_the_first_byte=True) as server:
        outcome = AfricasTalkingSms("sandbox", "key", url=f"https://127.0.0.1:{server.port}").send(
            PHONE, "x", "key"
        )
    assert outcome == SmsRefused("no connection", permanent=False)


def test_time_outs_are_told_apart() -> None:
    assert outcome_of_failure(requests.exceptions.ConnectTimeout()) == SmsRefused(
        "no connection", permanent=False
    )
    assert outcome_of_failure(requests.exceptions.ReadTimeout()) == SmsUnknown(
        "no answer: ReadTimeout", may_repeat=True
    )


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (answer(), ACCEPTED),
        (answer(statusCode="102", status=""), SmsAccepted("ATXid_1", "Queued", "KES 0.8000")),
        (answer(statusCode=403, messageId="None"), SmsRefused("403 InvalidPhoneNumber", permanent=True)),
        (
            {"SMSMessageData": {"Message": "InvalidSenderId", "Recipients": []}},
            SmsRefused("402 InvalidSenderId", permanent=False, alert=True),
        ),
        (
            {"SMSMessageData": {"Message": "Strange", "Recipients": []}},
            SmsUnknown("no recipient: Strange", may_repeat=False),
        ),
        ({"SMSMessageData": {"Message": "Sent", "Recipients": [{}]}}, UNREADABLE),
        ({"SMSMessageData": {"Message": "Sent", "Recipients": {"a": 1}}}, UNREADABLE),
        ({}, UNREADABLE),
        ("", UNREADABLE),
        ("[]", UNREADABLE),
        ("null", UNREADABLE),
        (None, UNREADABLE),
    ],
)
def test_every_shape_of_answer_has_an_outcome(said: Any, outcome: SmsOutcome) -> None:
    assert outcome_of(said) == outcome


def test_without_an_own_url_the_account_chooses_the_host() -> None:
    assert AfricasTalkingSms("sandbox", "key")._service._baseUrl == (
        "https://api.sandbox.africastalking.com/version1"
    )
    assert AfricasTalkingSms("haba", "key")._service._baseUrl == "https://api.africastalking.com/version1"
