"""A differently-tempered registry works by settings alone; signatures of both kinds; open circuits."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from redis import Redis

from core.errors import InvalidValue
from core.settings import Settings, load_settings
from registry.breaker import FAILURES_MAX, Breaker, Circuit, CircuitState, Pace
from registry.canonical import JsonMode, compact
from registry.civil import CivilRegistry, Found
from registry.client import DciClient
from registry.connection import Connection, SignatureMode
from registry.fund import FundRegistry, Posted
from registry.jws import DetachedJws, encoded, sign_detached, signing_input
from registry.keys import SigningKey
from registry.model import (
    Acknowledged,
    Enrolled,
    Enrollee,
    Identifier,
    IdTypeValue,
    Search,
    Subscription,
    TxnStatus,
)
from registry.outcomes import Unavailable
from tests.registry.registry_replies import (
    ME,
    NOW,
    PERSON,
    URL,
    ScriptedRegistry,
    a_connection,
    a_contribution,
    ack,
    search_reply,
)

XROAD = f"{URL}/r1/KE/GOV/1001/civil"
TEMPER: dict[str, Any] = {
    "base_url": XROAD,
    "extra_headers": {"X-Road-Client": "KE/GOV/2002/fund", "X-Road-Issue": "audit-1"},
    "paths": {
        "token": "/auth/token",
        "jwks": "/keys",
        "sync_search": "/crvs/sync/search",
        "notify": "/crvs/notify",
        "subscribe": "/crvs/subscribe",
        "unsubscribe": "/crvs/unsubscribe",
    },
    "identifier_names": {"UIN": "NATIONAL_ID", "MEMBER_NO": "NSSF"},
    "event_names": {"death": "DEATH_REGISTERED"},
    "signature_mode": "none",
    "reply_signatures": "ignored",
    "locale": "swa",
    "json_mode": "utf8",
    "upstream_literal": True,
}


@pytest.fixture
def other(registry: ScriptedRegistry, open_client: Callable[..., DciClient]) -> DciClient:
    """A client of a registry that differs in everything a setting can say."""
    registry.wire.add_callback("POST", f"{XROAD}/auth/token", registry._token)
    for path in TEMPER["paths"].values():
        registry.wire.add_callback("POST", XROAD + path, registry._answer)
    return open_client(a_connection(**TEMPER))


def test_the_other_registry_is_searched_by_its_own_names(
    registry: ScriptedRegistry, other: DciClient
) -> None:
    theirs = PERSON | {"identifier": [{"identifier_type": "NATIONAL_ID", "identifier_value": "12345678"}]}
    registry.finds(theirs)
    assert isinstance(CivilRegistry(other).look_up(ME.type, ME.value), Found)
    [request] = registry.posted
    assert request.url == f"{XROAD}/crvs/sync/search"
    assert request.headers["X-Road-Client"] == "KE/GOV/2002/fund"
    [envelope] = registry.envelopes
    item = envelope["message"]["search_request"][0]
    assert (envelope["signature"], item["locale"]) == ("", "swa")
    assert item["search_criteria"]["query"] == {"type": "NATIONAL_ID", "value": "12345678"}


@pytest.mark.parametrize(("role", "settle"), [("civil", Connection.to_civil), ("fund", Connection.to_fund)])
def test_all_of_it_is_said_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, role: str, settle: Callable[[Settings], Connection]
) -> None:
    """From the text of one variable to a connection that differs in everything."""
    options = {name: value for name, value in TEMPER.items() if name != "base_url"}
    monkeypatch.setenv(f"{role.upper()}_REGISTRY_OPTIONS", json.dumps(options))
    given = settings.model_dump(exclude={"fund_registry_options", "civil_registry_options"})
    read = load_settings(_env_file=None, **given | {f"{role}_registry_url": XROAD})
    connection = settle(read)
    assert connection.url(connection.paths.sync_search) == f"{XROAD}/crvs/sync/search"
    assert connection.extra_headers == TEMPER["extra_headers"]
    assert connection.their_name("UIN") == "NATIONAL_ID"
    assert (connection.signature_mode, connection.locale) == (SignatureMode.NONE, "swa")
    assert connection.upstream_literal


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"paths": {"sync_search": "no slash"}}, "paths.sync_search"),
        ({"client_secret": "x"}, "client_secret"),
        ({"colour": "blue"}, "colour"),
        ({"extra_headers": {"Authorization": "x"}}, "extra_headers"),
    ],
)
def test_options_that_cannot_be_are_named(settings: Settings, options: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidValue, match=named):
        Connection.to_civil(settings.model_copy(update={"civil_registry_options": options}))


def test_the_other_registry_is_posted_to(registry: ScriptedRegistry, other: DciClient) -> None:
    registry.says(ack())
    assert isinstance(FundRegistry(other).post([a_contribution()]), Posted)
    [envelope] = registry.envelopes
    record = envelope["message"]["notify_event"][0]["data"]["reg_records"]
    assert record["member_identifier"] == [{"identifier_type": "NSSF", "identifier_value": "412345678"}]


def test_misspellings_of_the_specification_are_sent_beside_the_right_ones_when_asked(
    registry: ScriptedRegistry, other: DciClient
) -> None:
    registry.says(ack(), ack())
    assert isinstance(other.subscribe("t", [Subscription("r", "death", ME, "Person")]), Acknowledged)
    other.unsubscribe("t-2", ["code"])
    subscribe, unsubscribe = (envelope["message"] for envelope in registry.envelopes)
    criteria = subscribe["subscribe_request"][0]["subscribe_criteria"]
    assert criteria["reg_event_type"] == "DEATH_REGISTERED"
    assert criteria["filter"] == {"type": "NATIONAL_ID", "value": "12345678"}
    assert unsubscribe["subscription_codes"] == unsubscribe["sunscription_codes"] == ["code"]


def test_what_is_answered_later_says_where(
    registry: ScriptedRegistry, open_client: Callable[..., DciClient]
) -> None:
    client = open_client(a_connection(callback_url="https://kibaba.example/dci"))
    registry.wire.add_callback("POST", f"{URL}/registry/subscribe", registry._answer)
    registry.says(ack(), lambda request: search_reply(request, [PERSON]))
    client.subscribe("t", [Subscription("r", "death", ME, "Person")])
    CivilRegistry(client).look_up(ME.type, ME.value)
    asynchronous, synchronous = registry.envelopes
    assert asynchronous["header"]["sender_uri"] == "https://kibaba.example/dci"
    assert "sender_uri" not in synchronous["header"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"enrolled_response": [{"enrolled_status": "yes"}]}, Enrolled(enrolled=True)),
        ({"enrolled_response": {"enrolled_status": "Active"}}, Enrolled(enrolled=True)),
        ({"enrolled_response": [{"enrolled_status": "no"}]}, Enrolled(enrolled=False)),
        ({"enrolled_response": [{}]}, Enrolled(enrolled=None)),
        ({}, Unavailable("answer_unreadable")),
    ],
    ids=str,
)
def test_enrolment_elsewhere_is_asked_and_told(
    registry: ScriptedRegistry, client: DciClient, answer: dict[str, Any], expected: Any
) -> None:
    for path in ("/registry/sync/enrolled", "/registry/sync/enrollment/updates"):
        registry.wire.add_callback("POST", URL + path, registry._answer)
    reply = {"header": {"status": "succ"}, "message": answer}
    registry.says(reply, reply)
    assert client.sync_enrolled(ME, "HABA") == expected
    assert client.enrollment_updates("t", [Enrollee((ME,), "HABA", NOW.date())]) == expected
    asked, told = (envelope["message"] for envelope in registry.envelopes)
    assert asked["enrolled_criteria"]["query"]["person_identifier"] == {"eq": "12345678"}
    [person] = told["enrolled_updates"]["beneficiaries"]
    assert person["member"]["member_identifier"][0]["identifier_value"] == "12345678"


def test_a_paper_that_is_not_the_national_one_is_asked_about_as_what_it_is(
    registry: ScriptedRegistry, open_client: Callable[..., DciClient]
) -> None:
    client = open_client(a_connection(identifier_names={"PASSPORT": "TRAVEL_DOCUMENT"}))
    registry.wire.add_callback("POST", f"{URL}/registry/sync/enrolled", registry._answer)
    registry.says(*[{"message": {"enrolled_response": [{"enrolled_status": "no"}]}}] * 2)
    client.sync_enrolled(ME)
    client.sync_enrolled(Identifier("PASSPORT", "AK0123456"))
    national, other = (envelope["message"]["enrolled_criteria"]["query"] for envelope in registry.envelopes)
    assert national == {"person_identifier": {"eq": "12345678"}}
    assert other == {
        "person_identifier": {"eq": "AK0123456"},
        "person_identifier.identifier_type": {"eq": "TRAVEL_DOCUMENT"},
    }


def test_the_status_of_a_message_is_that_of_its_least_finished_item(
    registry: ScriptedRegistry, client: DciClient
) -> None:
    registry.wire.add_callback("POST", f"{URL}/registry/sync/txn/status", registry._answer)
    items = [{"status": "succ"}, {"status": "pdng"}]
    answer = {"txnstatus_response": {"txn_type": "search", "txn_status": {"search_response": items}}}
    registry.says({"header": {}, "message": answer})
    assert client.txn_status("search", "transaction_id", "t-1") == TxnStatus("pdng", items)


def test_a_search_may_be_answered_later(registry: ScriptedRegistry, client: DciClient) -> None:
    registry.wire.add_callback("POST", f"{URL}/registry/search", registry._answer)
    registry.says(ack())
    search = Search(IdTypeValue(Identifier("UIN", "1")), "x", "Person", 10)
    assert client.search("t", "r", search) == Acknowledged("c-9")


def test_the_signature_of_rfc_8037_appendix_a4_is_made() -> None:
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    private = Ed25519PrivateKey.from_private_bytes(seed)
    signed = signing_input("eyJhbGciOiJFZERTQSJ9", b"Example of Ed25519 signing")
    assert signed == b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    assert encoded(private.sign(signed)) == (
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )


def test_a_detached_jws_holds_for_its_payload_only() -> None:
    key = SigningKey.derived(b"jws", "tests")
    text = sign_detached(b"payload", key=key, now=NOW, life_seconds=300)
    read = DetachedJws.parse(text)
    assert (read.key_id, read.expires - read.created) == (key.key_id, 300)
    read.check(key.private.public_key(), b"payload")
    with pytest.raises(InvalidSignature):
        read.check(key.private.public_key(), b"another")


def test_a_connection_may_sign_by_jws(
    registry: ScriptedRegistry, open_client: Callable[..., DciClient], signing_key: SigningKey
) -> None:
    client = open_client(a_connection(signature_mode=SignatureMode.JWS, json_mode="rfc8785"), signing_key)
    registry.says(ack())
    FundRegistry(client).post([a_contribution()])
    [envelope] = registry.envelopes
    content = {"header": envelope["header"], "message": envelope["message"]}
    DetachedJws.parse(envelope["signature"]).check(
        signing_key.private.public_key(), compact(content, JsonMode.RFC8785)
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (333333333.33333329, "333333333.3333333"),
        (1e30, "1e+30"),
        (4.50, "4.5"),
        (2e-3, "0.002"),
        (1e-27, "1e-27"),
        (-0.0, "0"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (9007199254740991, "9007199254740991"),
        ({"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}, None),
    ],
    ids=str,
)
def test_numbers_and_names_are_canonical_as_rfc_8785_has_them(value: Any, text: str | None) -> None:
    written = compact(value, JsonMode.RFC8785).decode()
    if text is not None:
        assert written == text
    else:
        # The order of section 3.2.3.
        assert list(json.loads(written).values()) == [2, 4, 6, 7, 1, 5, 3]


class Time:
    at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.mark.parametrize("shared", [True, False], ids=["in Redis", "alone"])
def test_a_circuit_opens_after_failures_and_closes_with_the_first_answer(
    redis: Redis, *, shared: bool
) -> None:
    clock = Time()
    breaker = Breaker("fund", redis if shared else None, wall_clock=clock)
    for _ in range(FAILURES_MAX):
        assert breaker.wait_seconds() == 0
        breaker.failed()
    assert breaker.is_open
    down = breaker.state()
    assert (down.circuit, down.failures, down.since) == (Circuit.OPEN, FAILURES_MAX, clock.at)
    assert down.next_try_at == clock.at + breaker.wait_seconds()
    assert 0 < breaker.wait_seconds() <= 15
    clock.at += 20
    assert breaker.state().circuit is Circuit.HALF_OPEN
    assert breaker.wait_seconds() == 0
    assert breaker.wait_seconds() > 0, "one probe at a time"
    breaker.failed()
    assert 15 < breaker.wait_seconds() <= 30, "each failed probe doubles the pause"
    assert breaker.state().since == down.since, "it has been down all the while"
    clock.at += 31
    assert breaker.wait_seconds() == 0
    breaker.succeeded()
    assert (breaker.is_open, breaker.wait_seconds()) == (False, 0)
    assert breaker.state() == CircuitState(Circuit.CLOSED)


def test_all_processes_know_of_an_open_circuit(redis: Redis) -> None:
    one, other = Breaker("fund", redis), Breaker("fund", redis)
    for _ in range(FAILURES_MAX):
        one.failed()
    assert other.wait_seconds() > 0
    assert Breaker("civil", redis).wait_seconds() == 0


def test_a_registry_that_asks_for_patience_is_left_alone_for_as_long(redis: Redis) -> None:
    breaker = Breaker("fund", redis)
    breaker.failed(retry_seconds=120)
    assert 100 < breaker.wait_seconds() <= 120


def test_an_open_circuit_keeps_the_client_from_calling(registry: ScriptedRegistry, client: DciClient) -> None:
    registry.says(*[(503, {}, "{}")] * FAILURES_MAX)
    for _ in range(FAILURES_MAX):
        CivilRegistry(client).look_up(ME.type, ME.value)
    calls = len(registry.posted)
    answer = CivilRegistry(client).look_up(ME.type, ME.value)
    assert isinstance(answer, Unavailable)
    assert (answer.reason, answer.may_have_arrived, len(registry.posted)) == ("circuit_open", False, calls)


def test_a_backlog_drains_at_a_polite_pace(redis: Redis) -> None:
    clock, naps = Time(), []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        clock.at += seconds

    pace = Pace("fund", 2, redis, wall_clock=clock, sleep=nap)
    for _ in range(5):
        pace.take()
    assert len(naps) == 2
