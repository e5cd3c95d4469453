"""The traps in the standard that a client can fall into, one test each, by the reference's numbers."""

import json
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import InvalidValue
from registry.civil import CivilRegistry, Found
from registry.client import DciClient
from registry.fund import FundRegistry, Posted
from registry.model import financial_address
from registry.wire import AckRead, SearchItemRead
from tests.registry.registry_replies import (
    CLOCK,
    PERSON,
    ScriptedRegistry,
    a_connection,
    a_contribution,
    ack,
    search_reply,
)


@pytest.fixture
def civil(client: DciClient) -> CivilRegistry:
    return CivilRegistry(client)


@pytest.fixture
def fund(client: DciClient) -> FundRegistry:
    return FundRegistry(client)


@pytest.fixture
def asked(civil: CivilRegistry, registry: ScriptedRegistry) -> dict[str, Any]:
    """The envelope of one look-up."""
    registry.finds(PERSON)
    civil.look_up("UIN", "12345678")
    return registry.envelopes[-1]


@pytest.fixture
def told(fund: FundRegistry, registry: ScriptedRegistry) -> dict[str, Any]:
    """The envelope of one posting of two contributions."""
    registry.says(ack())
    assert fund.post([a_contribution(1), a_contribution(2)]) == Posted("c-9")
    return registry.envelopes[-1]


def test_trap_1_the_locale_has_three_letters(asked: dict[str, Any], told: dict[str, Any]) -> None:
    assert asked["message"]["search_request"][0]["locale"] == "eng"
    assert {event["locale"] for event in told["message"]["notify_event"]} == {"eng"}
    with pytest.raises(ValidationError):
        a_connection(locale="en")


def test_trap_2_total_count_is_sent_as_an_integer(asked: dict[str, Any], told: dict[str, Any]) -> None:
    assert asked["header"]["total_count"] == 1
    assert told["header"]["total_count"] == 2


def test_trap_2_total_count_is_read_as_text_too(civil: CivilRegistry, registry: ScriptedRegistry) -> None:
    registry.finds(PERSON, PERSON, pagination={"page_size": "10", "page_number": "1", "total_count": " 14 "})
    assert getattr(civil.look_up("UIN", "12345678"), "count", None) == 14


def test_trap_3_every_time_sent_has_a_zone(asked: dict[str, Any], told: dict[str, Any]) -> None:
    times = [
        asked["header"]["message_ts"],
        asked["message"]["search_request"][0]["timestamp"],
        told["message"]["notify_event"][0]["timestamp"],
        told["message"]["notify_event"][0]["data"]["reg_records"]["paid_at"],
    ]
    assert all(datetime.fromisoformat(text).utcoffset() is not None for text in times)


def test_trap_3_a_time_without_a_zone_is_read_as_utc(fund: FundRegistry, registry: ScriptedRegistry) -> None:
    record = stored(paid_at="2026-11-22T09:30:00")
    registry.finds(record, timestamp="2026-11-22 09:30:00")
    read = fund.read_back(["payment-1"])
    assert isinstance(read, list)
    assert read[0].paid_at == CLOCK.now()


@pytest.mark.parametrize("spelling", ["timestamp", "timesstamp", "timesatmp"])
def test_trap_4_misspelt_time_stamps_are_read(spelling: str) -> None:
    written = {spelling: "2026-11-22T09:30:00Z"}
    assert AckRead.model_validate(written).timestamp == CLOCK.now()
    assert SearchItemRead.model_validate(written).timestamp == CLOCK.now()


def test_traps_5_and_6_our_event_is_none_of_a_domains_but_the_cores(told: dict[str, Any]) -> None:
    data = told["message"]["notify_event"][0]["data"]
    assert data["reg_event_type"] == "ContributionReceived"
    assert data["reg_type"].startswith("ns:org:RegistryType:")


def test_trap_7_the_shape_of_a_query_follows_its_type(
    asked: dict[str, Any], fund: FundRegistry, registry: ScriptedRegistry
) -> None:
    registry.finds()
    fund.read_back(["payment-1"], transaction_id="batch-1")
    by_value, by_predicate = (
        envelope["message"]["search_request"][0]["search_criteria"] for envelope in registry.envelopes
    )
    assert (by_value["query_type"], by_value["query"]) == (
        "idtype-value",
        {"type": "UIN", "value": "12345678"},
    )
    assert (by_predicate["query_type"], by_predicate["query"]) == (
        "predicate",
        [
            {
                "seq_num": 1,
                "expression1": {
                    "attribute_name": "reference_id",
                    "operator": "in",
                    "attribute_value": ["payment-1"],
                },
                "condition": "and",
                "expression2": {
                    "attribute_name": "transaction_id",
                    "operator": "eq",
                    "attribute_value": "batch-1",
                },
            }
        ],
    )


@pytest.mark.parametrize(
    "identifier",
    [
        [{"identifier_type": "UIN", "identifier_value": "12345678"}],
        [{"type": "UIN", "value": "12345678"}],
        {"type": "UIN", "value": 12345678},
        [
            {"identifier_type": "BRN", "identifier_value": "B-1"},
            {"identifierType": "uin", "value": "12345678"},
        ],
    ],
    ids=["record form", "query form", "one, a number", "several, in another case"],
)
@pytest.mark.parametrize(
    "name",
    [
        {"name": {"given_name": "Wanjiku", "surname": "Mwangi"}},
        {"first_name": "Wanjiku", "last_name": "Mwangi"},
        {"name": "Wanjiku Mwangi"},
        {"name": [{"use": "en", "given": ["Wanjiku"], "family": ["Mwangi"]}]},
        {"demographic_info": {"person": {"name": {"firstName": "Wanjiku", "familyName": "Mwangi"}}}},
    ],
    ids=["core", "flat", "text", "fhir", "nested"],
)
def test_trap_8_identifiers_and_names_of_every_shape_are_read(
    civil: CivilRegistry, registry: ScriptedRegistry, identifier: Any, name: dict[str, Any]
) -> None:
    registry.finds({"identifier": identifier, "birth_date": "1991-04-17", **name})
    answer = civil.look_up("UIN", "12345678")
    assert isinstance(answer, Found)
    assert (answer.person.given_name, answer.person.surname) == ("Wanjiku", "Mwangi")


def test_trap_9_message_ids_are_new_each_time_while_our_own_ids_stay(
    fund: FundRegistry, registry: ScriptedRegistry
) -> None:
    registry.says(ack(), ack())
    for _ in range(2):
        fund.post([a_contribution()])
    first, second = registry.envelopes
    assert first["header"]["message_id"] != second["header"]["message_id"]
    for envelope in (first, second):
        assert envelope["message"]["transaction_id"] == "batch-1"
        assert envelope["message"]["notify_event"][0]["reference_id"] == "payment-1"


def test_trap_9_a_batch_never_names_one_payment_twice_or_two_transactions(fund: FundRegistry) -> None:
    for batch in (
        [],
        [a_contribution(1), a_contribution(1)],
        [a_contribution(1), a_contribution(2, transaction_id="batch-2")],
    ):
        with pytest.raises(InvalidValue):
            fund.post(batch)


def test_trap_10_both_response_entity_and_reg_record_type_are_sent(told: dict[str, Any]) -> None:
    for event in told["message"]["notify_event"]:
        assert event["data"]["response_entity"] == "Member"
        assert event["data"]["reg_record_type"] == "Person"


def test_trap_11_an_ack_is_no_proof_only_reading_back_is(
    fund: FundRegistry, registry: ScriptedRegistry
) -> None:
    sent = [a_contribution(1), a_contribution(2)]
    registry.says(ack())
    registry.finds(stored())
    assert fund.post(sent) == Posted("c-9")
    read = fund.read_back([record.reference_id for record in sent])
    assert isinstance(read, list)
    assert [record.reference_id for record in read] == ["payment-1"]


def test_trap_13_records_are_one_object_in_notify_and_an_array_in_search(
    told: dict[str, Any], civil: CivilRegistry, registry: ScriptedRegistry
) -> None:
    assert all(isinstance(event["data"]["reg_records"], dict) for event in told["message"]["notify_event"])
    # A registry that mixes them up is understood all the same.
    registry.says(lambda request: search_reply(request, PERSON, pagination=None))
    assert isinstance(civil.look_up("UIN", "12345678"), Found)


def test_trap_15_no_plus_in_a_financial_address(told: dict[str, Any]) -> None:
    assert financial_address("+254712345678", "mpesa.ke") == "254712345678@mpesa.ke"
    assert told["message"]["notify_event"][0]["data"]["reg_records"]["payer_fa"] == "254712345678@mpesa.ke"
    with pytest.raises(InvalidValue):
        a_contribution(payer_fa="+254712345678@mpesa.ke")


def test_trap_16_every_path_and_an_x_road_prefix_are_settings(
    registry: ScriptedRegistry, open_client: Callable[..., DciClient]
) -> None:
    prefix = "https://security-server.example/r1/KE/GOV/1234/civil"
    connection = a_connection(
        base_url=prefix,
        paths={"token": "/oauth/token", "sync_search": "/crvs/reg/search", "notify": "/n", "jwks": "/keys"},
        extra_headers={"X-Road-Client": "KE/COM/99/kibaba"},
        identifier_names={"UIN": "NATIONAL_ID"},
    )
    registry.wire.add("POST", f"{prefix}/oauth/token", json={"access_token": "t", "expires_in": 900})

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        assert request.headers["X-Road-Client"] == "KE/COM/99/kibaba"
        asked = json.loads(request.body)
        query = asked["message"]["search_request"][0]["search_criteria"]["query"]
        assert query == {"type": "NATIONAL_ID", "value": "12345678"}
        theirs = PERSON | {"identifier": [{"identifier_type": "NATIONAL_ID", "identifier_value": "12345678"}]}
        return 200, {}, json.dumps(search_reply(asked, [theirs]))

    registry.wire.add_callback("POST", f"{prefix}/crvs/reg/search", answer)
    assert isinstance(CivilRegistry(open_client(connection)).look_up("UIN", "12345678"), Found)


def test_trap_17_the_token_is_asked_for_with_the_time_in_http_form(
    asked: dict[str, Any], registry: ScriptedRegistry
) -> None:
    request = registry.token_requests[0]
    assert request.headers["timestamp"] == "Sun, 22 Nov 2026 09:30:00 GMT"
    assert parsedate_to_datetime(request.headers["timestamp"]) == CLOCK.now()
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.body == "grant_type=client_credentials&client_id=kibaba&client_secret=a-client-secret"


def stored(**changes: Any) -> dict[str, Any]:
    """The record of `a_contribution()` as a registry gives it back."""
    record = {
        "@type": "Contribution",
        "reference_id": "payment-1",
        "transaction_id": "batch-1",
        "correlation_id": "c-77",
        "member_identifier": [{"identifier_type": "MEMBER_NO", "identifier_value": "412345678"}],
        "programme_identifier": "HABA",
        "amount": "200.00",
        "currency_code": "KES",
        "period": "2026-11",
        "paid_at": "2026-11-22T12:30:00+03:00",
        "payer_fa": "254712345678@mpesa.ke",
        "provider_reference": "SKL1ABC001",
        "status": "succ",
    }
    return record | changes
