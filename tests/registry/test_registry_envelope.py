"""What is signed is what is sent, and what is received is believed only as far as the connection says."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import InvalidValue
from registry.canonical import JsonMode
from registry.civil import CivilRegistry, Found
from registry.client import DciClient
from registry.connection import Connection
from registry.envelope import Envelopes
from registry.keys import SigningKey, jwks
from registry.outcomes import Unavailable
from registry.signature import sign, verify
from tests.registry.registry_replies import (
    CLOCK,
    PERSON,
    URL,
    ScriptedRegistry,
    StillClock,
    a_connection,
    payload_of,
    search_reply,
)

THEIRS = SigningKey.derived(b"the registry", "tests")
Open = Callable[..., DciClient]


def signed_reply(
    request: dict[str, Any], *, clock: StillClock = CLOCK, key: SigningKey = THEIRS
) -> dict[str, Any]:
    reply = search_reply(request, [PERSON])
    reply["signature"] = sign(payload_of(reply, a_connection()), key=key, sender_id="civil", now=clock.now())
    return reply


def look_up(client: DciClient, value: str = "12345678") -> object:
    return CivilRegistry(client).look_up("UIN", value)


@pytest.mark.parametrize("mode", list(JsonMode))
def test_the_bytes_sent_are_the_bytes_signed(mode: JsonMode, signing_key: SigningKey) -> None:
    connection = a_connection(signature_mode="spdci", json_mode=mode)
    envelopes = Envelopes(connection, CLOCK, signing_key=signing_key)
    sealed = envelopes.seal("search", {"transaction_id": "t", "name": "Wanjikũ"}, 1)
    sent = json.loads(sealed.body)
    assert sealed.body.startswith(payload_of(sent, connection)[:-1])
    verify(
        sent["signature"],
        sent["header"],
        sent["message"],
        find_key=lambda _key_id: signing_key.private.public_key(),
        now=CLOCK.now(),
    )
    assert (b"\\u0169" in sealed.body) == (mode is JsonMode.ASCII)


def test_an_unsigned_connection_sends_an_empty_signature(connection: Connection) -> None:
    sealed = Envelopes(connection, CLOCK).seal("search", {}, 1)
    assert json.loads(sealed.body)["signature"] == ""


def test_a_connection_that_must_sign_does_not_open_without_a_key(open_client: Open) -> None:
    with pytest.raises(InvalidValue, match="no signing key"):
        open_client(a_connection(signature_mode="spdci"))


def test_the_header_has_what_the_standard_requires(registry: ScriptedRegistry, open_client: Open) -> None:
    registry.finds(PERSON)
    look_up(open_client(a_connection(receiver_id="crvs")))
    header = registry.envelopes[0]["header"]
    assert header.pop("message_id")
    assert header == {
        "version": "1.0.0",
        "message_ts": "2026-11-22T09:30:00+00:00",
        "action": "search",
        "sender_id": "kibaba",
        "receiver_id": "crvs",
        "total_count": 1,
        "is_msg_encrypted": False,
    }


def test_a_signed_answer_is_checked_by_the_published_keys(
    registry: ScriptedRegistry, client: DciClient
) -> None:
    keys = registry.wire.add("GET", f"{URL}/.well-known/jwks.json", json=jwks(THEIRS))
    registry.says(signed_reply, signed_reply)
    assert isinstance(look_up(client), Found)
    assert isinstance(look_up(client), Found)
    assert keys.call_count == 1


@pytest.mark.parametrize(
    "reply",
    [
        lambda request: signed_reply(request, key=SigningKey.derived(b"forger", "tests")),
        lambda request: signed_reply(request, clock=CLOCK.later(-3600)),
        lambda request: signed_reply(request, clock=CLOCK.later(3600)),
        lambda request: signed_reply(request) | {"message": search_reply(request, [])["message"]},
        lambda request: search_reply(request, [PERSON]) | {"signature": {"not": "text"}},
    ],
    ids=["another key", "old", "from the future", "changed message", "not text"],
)
def test_an_answer_with_a_wrong_signature_is_no_answer(
    registry: ScriptedRegistry, client: DciClient, reply: Callable[[dict[str, Any]], Any]
) -> None:
    registry.wire.add("GET", f"{URL}/.well-known/jwks.json", json=jwks(THEIRS))
    registry.says(reply)
    answer = look_up(client)
    assert isinstance(answer, Unavailable)
    assert answer.reason.startswith("err.signature.")


def test_a_required_signature_must_be_there(registry: ScriptedRegistry, open_client: Open) -> None:
    registry.finds(PERSON)
    client = open_client(a_connection(reply_signatures="required"))
    assert look_up(client) == Unavailable("err.signature.missing")


def test_a_connection_may_ignore_signatures(registry: ScriptedRegistry, open_client: Open) -> None:
    registry.says(lambda request: search_reply(request, [PERSON]) | {"signature": "nonsense"})
    assert isinstance(look_up(open_client(a_connection(reply_signatures="ignored"))), Found)


def test_keys_out_of_reach_put_the_answer_off(registry: ScriptedRegistry, client: DciClient) -> None:
    registry.wire.add("GET", f"{URL}/.well-known/jwks.json", status=503)
    registry.says(signed_reply)
    assert look_up(client) == Unavailable("keys_unavailable")


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "ftp://registry.example"},
        {"base_url": "https://user:secret@registry.example"},
        {"base_url": "registry.example"},
        {"base_url": "https://registry.example/?a=b"},
        {"extra_headers": {"Authorization": "Basic x"}},
        {"paths": {"token": "no-slash"}},
        {"sender_id": 'a"b'},
        {"sender_id": "a|b"},
        {"read_seconds": 0},
        {"signature_mode": "rot13"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_senseless_connection_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_connection(**changes)


def test_a_connection_does_not_show_its_secret(connection: Connection) -> None:
    assert "a-client-secret" not in repr(connection)
    assert "a-client-secret" not in connection.model_dump_json()
