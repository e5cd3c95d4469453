"""What becomes of a request: tokens, refusals, waiting times, and what may have arrived all the same."""

import contextlib
import json
import socketserver
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from core.shared_token import FreshToken, LocalTokenCache
from registry.civil import CivilRegistry, Found, NotFound
from registry.client import DciClient
from registry.connection import Connection
from registry.fund import FundRegistry, Posted
from registry.http_answers import retry_after
from registry.outcomes import Answered, Refused, Unavailable, Unclear
from registry.server.fetching import fetch_json
from registry.transport import Transport
from tests.registry.registry_replies import (
    CLOCK,
    PERSON,
    URL,
    ScriptedRegistry,
    a_connection,
    a_contribution,
    ack,
    err,
)

SEARCH = "/registry/sync/search"


@pytest.fixture
def transport(connection: Connection) -> Transport:
    return Transport(connection, LocalTokenCache(), CLOCK)


def nobody_listens() -> requests.ConnectionError:
    pool: Any = None
    return requests.ConnectionError(MaxRetryError(pool, URL, NewConnectionError(pool, "refused")))


def test_one_token_serves_many_requests(transport: Transport, registry: ScriptedRegistry) -> None:
    registry.says({}, {}, {})
    for _ in range(3):
        assert transport.post(SEARCH, b"{}") == Answered(b"{}")
    assert registry.tokens == 1
    assert {request.headers["Authorization"] for request in registry.posted} == {"Bearer token-1"}


def test_a_refused_token_is_refreshed_once(transport: Transport, registry: ScriptedRegistry) -> None:
    registry.says((401, {}, ""), {})
    assert transport.post(SEARCH, b"{}") == Answered(b"{}")
    assert [request.headers["Authorization"] for request in registry.posted] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


def test_a_token_refused_twice_is_a_refusal_that_may_pass(
    transport: Transport, registry: ScriptedRegistry
) -> None:
    registry.says((401, {}, ""), (401, {}, json.dumps({"errors": [{"code": "", "message": "who?"}]})))
    assert transport.post(SEARCH, b"{}") == Refused("err.request.unauthorized", "", permanent=False)
    assert len(registry.posted) == 2


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((401, "{}"), Refused("err.request.unauthorized", "no token for these credentials", permanent=False)),
        ((400, "{}"), Refused("err.request.unauthorized", "no token for these credentials", permanent=False)),
        ((503, ""), Unavailable("http_503", may_have_arrived=False)),
        ((200, "<html>"), Unavailable("token_unreadable", may_have_arrived=False)),
        ((200, '{"token": "t"}'), Unavailable("token_unreadable", may_have_arrived=False)),
        (nobody_listens(), Unavailable("no_connection", may_have_arrived=False)),
        (requests.ReadTimeout(), Unavailable("timeout", may_have_arrived=False)),
    ],
    ids=["401", "400", "503", "html", "no token", "nobody", "timeout"],
)
def test_without_a_token_nothing_is_sent(
    transport: Transport, registry: ScriptedRegistry, answer: Any, outcome: object
) -> None:
    if isinstance(answer, Exception):
        registry.wire.replace("POST", f"{URL}/oauth2/client/token", body=answer)
    else:
        registry.wire.replace("POST", f"{URL}/oauth2/client/token", status=answer[0], body=answer[1])
    assert transport.post(SEARCH, b"{}") == outcome
    assert not registry.posted


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((429, {"Retry-After": "17"}, ""), Unavailable("too_many_requests", 17, may_have_arrived=False)),
        (
            (429, {"Retry-After": "Sun, 22 Nov 2026 09:32:00 GMT"}, ""),
            Unavailable("too_many_requests", 120, may_have_arrived=False),
        ),
        ((503, {"Retry-After": "30"}, ""), Unavailable("http_503", 30)),
        (
            (500, {}, '{"errors":[{"code":"err.service.unavailable","message":"x"}]}'),
            Unavailable("err.service.unavailable"),
        ),
        ((504, {}, '{"errors":[{"code":"err.request.timeout"}]}'), Unavailable("err.request.timeout")),
        ((403, {}, ""), Refused("err.request.forbidden", "", permanent=False)),
        (
            (400, {}, '{"errors":[{"code":"err.version.not_supported","message":"1.0 only"}]}'),
            Refused("err.version.not_supported", "1.0 only", permanent=True),
        ),
        ((400, {}, "<html>"), Unavailable("http_400", may_have_arrived=False)),
        ((422, {}, '{"detail":"blocked"}'), Unavailable("http_422", may_have_arrived=False)),
        ((404, {}, "<html>"), Unavailable("http_404", may_have_arrived=False)),
        (
            (302, {"Location": "https://elsewhere.example/"}, ""),
            Unavailable("http_302", may_have_arrived=False),
        ),
        (nobody_listens(), Unavailable("no_connection", may_have_arrived=False)),
        (requests.ConnectTimeout(), Unavailable("connect_timeout", may_have_arrived=False)),
        (requests.ReadTimeout(), Unavailable("timeout")),
        (requests.ConnectionError("reset by peer"), Unavailable("connection_lost")),
        (requests.exceptions.ChunkedEncodingError(), Unavailable("broken_answer")),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, tuple) else type(value).__name__,
)
def test_every_answer_has_its_outcome(
    transport: Transport, registry: ScriptedRegistry, answer: Any, outcome: object
) -> None:
    registry.says(answer)
    assert transport.post(SEARCH, b"{}") == outcome
    assert len(registry.posted) == 1


class Dripping(socketserver.StreamRequestHandler):
    """Answers a byte at a time, for ever."""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b" ")
                time.sleep(0.01)


def test_a_registry_that_answers_a_byte_at_a_time_is_given_up() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = a_connection(base_url=f"http://127.0.0.1:{server.server_address[1]}", answer_seconds=0.3)
        transport = Transport(connection, LocalTokenCache(), CLOCK)
        assert transport.post(SEARCH, b"{}") == Unavailable("timeout", may_have_arrived=False)
        transport.close()
        server.shutdown()


def test_keys_that_come_a_byte_at_a_time_are_given_up() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(TimeoutError):
            fetch_json(f"http://127.0.0.1:{server.server_address[1]}", 1000, answer_seconds=0.3)
        server.shutdown()


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), BreakingOff) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = a_connection(base_url=f"http://127.0.0.1:{server.server_address[1]}")
        tokens = LocalTokenCache()
        tokens.get(lambda: FreshToken("a-token", 900))
        transport = Transport(connection, tokens, CLOCK)
        assert transport.post(SEARCH, b"{}") == Unavailable("broken_answer")
        transport.close()
        server.shutdown()


class BreakingOff(socketserver.StreamRequestHandler):
    """Promises more than it sends."""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        # Read to the end of the request, so that closing does not reset the connection.
        self.connection.settimeout(5)
        while self.rfile.readline() not in {b"", b"\r\n"}:
            continue
        self.rfile.read(2)


def test_an_answer_beyond_the_limit_is_not_read(registry: ScriptedRegistry) -> None:
    registry.says(b"x" * 2000)
    transport = Transport(a_connection(answer_bytes_max=1000), LocalTokenCache(), CLOCK)
    assert transport.post(SEARCH, b"{}") == Unavailable("answer_too_large")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (" 90 ", 90),
        ("999999999999", 3600),
        ("Sun, 22 Nov 2026 09:30:30 GMT", 30),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("Sun, 22 Nov 2026 09:30:30 -0000", None),
    ],
)
def test_retry_after_is_understood_and_bounded(text: str, seconds: int | None) -> None:
    assert retry_after(text, CLOCK.now()) == seconds


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (ack(), Posted("c-9")),
        (ack(status="ack"), Posted("c-9")),
        (ack()["message"], Posted("c-9")),
        (ack("NACK"), Unclear("nack")),
        (
            err("err.request.bad", "amount missing"),
            Refused("err.request.bad", "amount missing", permanent=True),
        ),
        (err("err.service.unavailable"), Refused("err.service.unavailable", "no", permanent=False)),
        (err("rjct.reference_id.duplicate"), Unclear("rjct.reference_id.duplicate")),
        (err("rjct.message_id.duplicate"), Unclear("rjct.message_id.duplicate")),
        (ack("ERR"), Refused("no_code", "", permanent=False)),
        ({"header": {"status": "rjct"}, "message": {}}, Refused("no_code", "", permanent=False)),
        ({"message": {}}, Unclear("answer_unreadable")),
        (b"<html>", Unclear("answer_unreadable")),
        (requests.ReadTimeout(), Unclear("timeout")),
        (requests.ConnectionError("reset by peer"), Unclear("connection_lost")),
        ((502, {}, ""), Unclear("http_502")),
        (
            (429, {"Retry-After": "7"}, ""),
            Refused("err.request.too_many_requests", "too_many_requests", permanent=False, retry_seconds=7),
        ),
        (nobody_listens(), Refused("err.service.unavailable", "no_connection", permanent=False)),
        ((404, {}, ""), Refused("err.service.unavailable", "http_404", permanent=False)),
        ((422, {}, "<html>"), Refused("err.service.unavailable", "http_422", permanent=False)),
        (
            (422, {}, json.dumps(err("rjct.amount.invalid"))),
            Refused("rjct.amount.invalid", "no", permanent=True),
        ),
    ],
    ids=range(20),
)
def test_a_posting_is_posted_refused_or_unclear_and_never_sent_twice(
    client: DciClient, registry: ScriptedRegistry, answer: Any, outcome: object
) -> None:
    registry.says(answer)
    assert FundRegistry(client).post([a_contribution()]) == outcome
    assert len(registry.posted) == 1


@pytest.mark.parametrize(
    ("item", "outcome"),
    [
        (
            {"status": "rjct", "status_reason_code": "rjct.filter.invalid"},
            Unavailable("rjct.filter.invalid", permanent=True),
        ),
        ({"status": "pdng"}, Unavailable("answer_pending")),
        ({"reference_id": "another"}, Unavailable("answer_to_another_question")),
        ({"data": {"reg_records": "none"}}, Unavailable("answer_unreadable")),
        ({"data": None, "pagination": {"total_count": 3}}, Unavailable("answer_without_records")),
        ({"data": {"reg_records": [{"birth_date": "1990-01-01"}]}}, Unavailable("person_unreadable")),
        (
            {"data": {"reg_records": [PERSON | {"identifier": [{"type": "UIN", "value": "999"}]}]}},
            Unavailable("answer_about_another_person"),
        ),
        ({"data": None, "pagination": None}, NotFound(CLOCK.now())),
    ],
    ids=range(8),
)
def test_a_look_up_says_not_found_only_when_the_registry_does(
    client: DciClient, registry: ScriptedRegistry, item: dict[str, Any], outcome: object
) -> None:
    registry.finds(**item)
    assert CivilRegistry(client).look_up("UIN", "12345678") == outcome


def test_an_answer_of_another_transaction_is_not_ours(client: DciClient, registry: ScriptedRegistry) -> None:
    registry.says({"header": {"status": "succ"}, "message": {"transaction_id": "x", "search_response": []}})
    assert CivilRegistry(client).look_up("UIN", "1") == Unavailable("answer_to_another_question")


def test_a_rejected_header_and_an_encrypted_answer_are_refusals(
    client: DciClient, registry: ScriptedRegistry
) -> None:
    rejected = {"status": "rjct", "status_reason_code": "rjct.message_ts.invalid"}
    registry.says(
        {"header": rejected, "message": {}},
        {"header": {"is_msg_encrypted": True}, "ciphertext": "…"},
    )
    civil = CivilRegistry(client)
    assert civil.look_up("UIN", "1") == Unavailable("rjct.message_ts.invalid")
    assert civil.look_up("UIN", "1") == Unavailable("err.encryption.invalid", permanent=True)


def test_calls_are_logged_by_their_ids_and_without_a_person(
    client: DciClient, registry: ScriptedRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    registry.finds(PERSON)
    registry.says(ack())
    answer = CivilRegistry(client).look_up("UIN", "12345678")
    FundRegistry(client).post([a_contribution()])
    assert isinstance(answer, Found)
    for envelope in registry.envelopes:
        assert envelope["header"]["message_id"] in caplog.text
        assert envelope["message"]["transaction_id"] in caplog.text
    shown = caplog.text + repr(answer) + repr(a_contribution())
    for secret in ("12345678", "Wanjiku", "Mwangi", "254712345678", "a-client-secret", "token-1"):
        assert secret not in shown


def test_a_netrc_file_does_not_replace_the_token(
    transport: Transport, registry: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine registry.example login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    registry.says({})
    transport.post(SEARCH, b"{}")
    assert registry.posted[0].headers["Authorization"] == "Bearer token-1"
    assert "Authorization" not in registry.token_requests[0].headers


def test_one_client_serves_several_threads_with_one_token(
    open_client: Callable[..., DciClient], registry: ScriptedRegistry
) -> None:
    registry.says(*[ack() for _ in range(12)])
    fund = FundRegistry(open_client(a_connection()))
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda number: fund.post([a_contribution(number)]), range(12)))
    assert outcomes == [Posted("c-9")] * 12
    assert registry.tokens == 1
