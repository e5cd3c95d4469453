"""Who is heard: bearer, scope, rate, shape, signature, parties, replay, header, each with its own code."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from registry.connection import ReplySignatures, SignatureMode
from registry.keys import SigningKey
from registry.server.clients import disable_client
from registry.server.model import Scope
from registry.server.server import TOKENS_PER_MINUTE
from registry.tables import DciMessageRow
from tests.registry.dci_world import SECRET, DciWorld, code_of, dumps, now_text, search_item

SEARCH = {"transaction_id": "t", "search_request": [search_item(("UIN", "12345678"))]}


def test_a_token_is_given_for_the_secret_and_says_for_how_long(world: DciWorld) -> None:
    answer = world.partner().fetch_token(scope="registry.search")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    token = answer.get_json()
    assert (token["token_type"], token["expires_in"], token["scope"]) == ("Bearer", 900, "registry.search")
    assert token["access_token"].count(".") == 2


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "another"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": "nul\x00"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "registry.everything"}, 400, "invalid_scope"),
    ],
    ids=str,
)
def test_no_token_is_given_for_anything_else(
    world: DciWorld, changes: dict[str, str], status: int, error: str
) -> None:
    answer = world.partner().fetch_token(**changes)
    assert (answer.status_code, answer.get_json()) == (status, {"error": error})


def test_nobody_else_uses_up_the_tokens_of_a_client(world: DciWorld) -> None:
    partner = world.partner()
    for _ in range(TOKENS_PER_MINUTE + 1):
        assert partner.fetch_token(client_secret="another").status_code == 401
    assert partner.fetch_token().status_code == 200


def test_tokens_are_given_so_many_a_minute(world: DciWorld) -> None:
    partner = world.partner()
    # A minute may turn over in between; then as many again pass.
    answers = [partner.fetch_token() for _ in range(2 * TOKENS_PER_MINUTE + 1)]
    assert 429 in {answer.status_code for answer in answers}


def test_no_secret_is_stored(world: DciWorld) -> None:
    world.partner()
    with world.sessions.begin() as session:
        [row] = session.connection().exec_driver_sql("SELECT c::text FROM dci_clients c").all()
    assert SECRET not in row[0]


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_without_a_token_of_ours_nothing_is_heard(world: DciWorld, token: str) -> None:
    partner = world.partner()
    answer = partner.post("sync/search", partner.envelope("search", SEARCH), token=token)
    assert (answer.status_code, code_of(answer.get_json())) == (401, "err.request.unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_ends_with_its_client_and_with_its_time(world: DciWorld) -> None:
    partner = world.partner()
    assert code_of(partner.search(("UIN", "12345678"))) == ""
    with world.sessions.begin() as session:
        disable_client(session, "partner", now=datetime.now(UTC), actor="tests", reason="over")
    assert code_of(partner.search(("UIN", "12345678"))) == "err.request.unauthorized"
    world.partner()
    assert code_of(partner.search(("UIN", "12345678"))) == ""


def test_a_scope_that_was_not_granted_is_forbidden(world: DciWorld) -> None:
    partner = world.partner(scopes=[Scope.SEARCH])
    answer = partner.post("notify", partner.envelope("notify", {"transaction_id": "t"}))
    assert (answer.status_code, code_of(answer.get_json())) == (403, "err.request.forbidden")


def test_a_token_asked_for_less_grants_less(world: DciWorld) -> None:
    partner = world.partner()
    partner.token = partner.fetch_token(scope="registry.notify").get_json()["access_token"]
    assert code_of(partner.search(("UIN", "12345678"))) == "err.request.forbidden"


def test_too_many_requests_are_told_when_to_come_back(world: DciWorld) -> None:
    partner = world.partner(requests_per_minute=2)
    answers = [partner.post("sync/search", partner.envelope("search", SEARCH)) for _ in range(5)]
    refused = [answer for answer in answers if answer.status_code == 429]
    # A minute may have turned over in between; then one more pair passes.
    assert refused
    assert 0 < int(refused[0].headers["Retry-After"]) <= 60
    assert code_of(refused[0].get_json()) == "err.request.too_many_requests"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", dumps({}), dumps({"header": []}), dumps({"header": {}, "message": 1})],
    ids=str,
)
def test_what_is_no_envelope_is_a_bad_request(world: DciWorld, body: bytes) -> None:
    answer = world.partner().post("sync/search", body)
    assert (answer.status_code, code_of(answer.get_json())) == (400, "err.request.bad")


def test_a_body_beyond_the_limit_is_turned_away(world: DciWorld) -> None:
    answer = world.partner().post("search", b" " * 1_000_001)
    assert (answer.status_code, code_of(answer.get_json())) == (413, "err.request.bad")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"mode": SignatureMode.NONE}, "err.signature.missing"),
        ({"key": SigningKey.generate()}, "err.signature.invalid"),
        ({"moved": timedelta(minutes=-10)}, "err.signature.invalid"),
        ({"moved": timedelta(minutes=10)}, "err.signature.invalid"),
    ],
    ids=["missing", "another key", "old", "future"],
)
def test_a_signature_that_must_hold_and_does_not_is_refused(
    world: DciWorld, changes: dict[str, Any], code: str
) -> None:
    partner = world.partner(signatures=ReplySignatures.REQUIRED)
    how = dict(changes)
    if "moved" in how:
        # Now, not when the tests were gathered.
        how["at"] = datetime.now(UTC) + how.pop("moved")
    assert code_of(partner.say("sync/search", "search", SEARCH, **how)) == code


@pytest.mark.parametrize("mode", [SignatureMode.SPDCI, SignatureMode.JWS])
def test_either_form_of_signature_is_accepted_and_a_changed_message_is_not(
    world: DciWorld, mode: SignatureMode
) -> None:
    partner = world.partner(signatures=ReplySignatures.REQUIRED)
    body = partner.envelope("search", SEARCH, mode=mode)
    changed = body.replace(b"12345678", b"12345679")
    assert code_of(partner.post("sync/search", changed).get_json()) == "err.signature.invalid"
    assert code_of(partner.post("sync/search", body).get_json()) == ""


def test_a_clients_keys_may_be_published_elsewhere_and_be_away(world: DciWorld) -> None:
    partner = world.partner(keys=None, keys_url="http://127.0.0.1:9/jwks.json")
    assert code_of(partner.search(("UIN", "12345678"))) == "err.service.unavailable"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"sender_id": "somebody-else"}, "err.sender_id.invalid"),
        ({"receiver_id": "another-registry"}, "err.receiver_id.invalid"),
        ({"sender_uri": "https://evil.example/dci"}, "err.sender_uri.invalid"),
        ({"sender_uri": "https://partner.example/dci/../../x"}, "err.sender_uri.invalid"),
        ({"sender_uri": "https://partner.example/dci/%2e%2E/x"}, "err.sender_uri.invalid"),
        ({"message_id": ""}, "err.request.bad"),
        ({"is_msg_encrypted": True}, "err.encryption.invalid"),
        ({"version": "2.0.0"}, "rjct.version.invalid"),
        ({"action": 7}, "rjct.action.invalid"),
        ({"action": "notify"}, "rjct.action.not_supported"),
        ({"message_ts": "2026-11-22T09:00:00"}, "rjct.message_ts.invalid"),
        ({"message_ts": -3600}, "rjct.message_ts.invalid"),
        ({"message_ts": 3600}, "rjct.message_ts.invalid"),
        ({"total_count": "1"}, "rjct.total_count.invalid"),
        ({"total_count": None}, "rjct.total_count.invalid"),
        ({"total_count": 1001}, "rjct.total_count.limit_exceeded"),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["sync/search", "sync/enrolled", "search"])
def test_each_fault_of_a_header_has_its_own_code(
    world: DciWorld, path: str, header: dict[str, Any], code: str
) -> None:
    partner = world.partner(signatures=ReplySignatures.IGNORED)
    if isinstance(header.get("message_ts"), int):
        # Seconds from now: a time written down when tests are collected would be another in each process.
        header = {"message_ts": now_text(header["message_ts"])}
    answer = partner.say(path, "search", SEARCH, header=header, mode=SignatureMode.NONE)
    assert code_of(answer) == code


@pytest.mark.parametrize("path", ["sync/search", "search"])
def test_a_message_replayed_is_refused_and_does_nothing(world: DciWorld, path: str) -> None:
    partner = world.partner()
    body = partner.envelope("search", SEARCH)
    assert code_of(partner.post(path, body).get_json()) == ""
    assert code_of(partner.post(path, body).get_json()) == "rjct.message_id.duplicate"
    assert len(world.tasks("dci_callback")) == (path == "search")


def test_two_clients_may_use_the_same_message_id(world: DciWorld) -> None:
    for name in ("partner", "other"):
        partner = world.partner(name)
        assert code_of(partner.search(("UIN", "12345678"), header={"message_id": "m-1"})) == ""


def test_a_refused_message_stays_remembered_and_its_work_undone(world: DciWorld) -> None:
    partner = world.partner(speaks_for="civil")
    good = {"identifier": [{"identifier_type": "UIN", "identifier_value": "12345678"}]}
    member = world.member("12345678")
    body = partner.envelope(
        "notify",
        {
            "transaction_id": "t",
            "notify_event": [
                {"reference_id": "1", "timestamp": now_text(), "data": _data("death", good)},
                {"reference_id": "2", "timestamp": now_text(), "data": _data("nonsense", good)},
            ],
        },
        count=2,
    )
    assert code_of(partner.post("notify", body).get_json()) == "err.request.bad"
    assert code_of(partner.post("notify", body).get_json()) == "rjct.message_id.duplicate"
    with world.sessions.begin() as session:
        assert session.scalar(select(func.count(DciMessageRow.id))) == 1
        [status] = session.connection().exec_driver_sql("SELECT status FROM members").all()
    assert status[0] == member.status == "active"


def test_what_is_asked_is_not_kept_in_clear(world: DciWorld) -> None:
    partner = world.partner()
    partner.search(("UIN", "12345678"), path="search")
    with world.sessions.begin() as session:
        rows = [*session.connection().exec_driver_sql("SELECT m::text FROM dci_messages m").all()]
        rows += session.connection().exec_driver_sql("SELECT o::text FROM outbox o").all()
    assert rows
    assert all("12345678" not in row[0] for row in rows)


def _data(event: str, record: Any) -> dict[str, Any]:
    return {"reg_event_type": event, "reg_records": record}
