"""Searches and notifications as they are written: the strict half of the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from registry.connection import Connection
from registry.envelope import written
from registry.model import (
    Condition,
    Consent,
    Enrollee,
    Event,
    Identifier,
    IdTypeValue,
    Predicate,
    Query,
    Search,
    Subscription,
)

# The conditions of the IBR question whether somebody is enrolled. The standard's own names no kind of paper:
# `PERSON_TYPE` is ours, and only sent for another than the national one.
PERSON = "person_identifier"
PERSON_TYPE = "person_identifier.identifier_type"
PROGRAMME = "programme_identifier.program.programme_identifier"


def search_message(
    search: Search, connection: Connection, *, transaction_id: str, reference_id: str, now: datetime
) -> dict[str, Any]:
    """The message of a search with one question."""
    query_type, query = _query(search.query, connection)
    criteria: dict[str, Any] = {
        "version": connection.version,
        "reg_type": search.reg_type,
        "reg_record_type": search.reg_record_type,
        "query_type": query_type,
        "query": query,
        "pagination": {"page_size": search.page_size, "page_number": search.page_number},
    }
    if search.consent is not None:
        criteria["consent"] = criteria["authorize"] = _consent(search.consent)
    item = {
        "reference_id": reference_id,
        "timestamp": written(now),
        "search_criteria": criteria,
        "locale": connection.locale,
    }
    return {"transaction_id": transaction_id, "search_request": [item]}


def notify_message(
    events: Sequence[Event], connection: Connection, *, transaction_id: str, now: datetime
) -> dict[str, Any]:
    """The message of a notification. Each event carries one record, as an object."""
    return {
        "transaction_id": transaction_id,
        "notify_event": [
            {
                "reference_id": event.reference_id,
                "timestamp": written(now),
                "data": {
                    "version": connection.version,
                    "reg_type": connection.reg_type,
                    "reg_event_type": event.reg_event_type,
                    # The core profile demands response_entity, its civil copy reg_record_type: both are sent.
                    "reg_record_type": connection.reg_record_type,
                    "response_entity": connection.response_entity,
                    "reg_records": event.record,
                },
                "locale": connection.locale,
            }
            for event in events
        ],
    }


def subscribe_message(
    wishes: Sequence[Subscription], connection: Connection, *, transaction_id: str, now: datetime
) -> dict[str, Any]:
    """The message of a subscription. IBR misspells its events; the names are mapped per connection."""
    return {
        "transaction_id": transaction_id,
        "subscribe_request": [
            {
                "reference_id": wish.reference_id,
                "timestamp": written(now),
                "subscribe_criteria": {
                    "version": connection.version,
                    "reg_type": connection.reg_type,
                    "reg_event_type": connection.event_names.get(wish.event, wish.event),
                    "filter_type": "idtype-value",
                    "filter": {
                        "type": connection.their_name(wish.identifier.type),
                        "value": wish.identifier.value,
                    },
                    "notify_record_type": wish.record_type,
                },
                "locale": connection.locale,
            }
            for wish in wishes
        ],
    }


def unsubscribe_message(
    codes: Sequence[str], connection: Connection, *, transaction_id: str, now: datetime
) -> dict[str, Any]:
    """The message that ends subscriptions; the published text misspells two of its names."""
    message: dict[str, Any] = {
        "transaction_id": transaction_id,
        "timestamp": written(now),
        "subscription_codes": list(codes),
    }
    if connection.upstream_literal:
        message |= {"sunscription_codes": list(codes), "timesstamp": message["timestamp"]}
    return message


def status_message(
    txn_type: str,
    attribute_type: str,
    value: str | Sequence[str],
    connection: Connection,
    *,
    transaction_id: str,
    reference_id: str,
) -> dict[str, Any]:
    """The message that asks what became of another. `txn_type`: `search`, `subscribe` or `unsubscribe`."""
    literal = connection.upstream_literal and txn_type == "subscribe"
    return {
        "transaction_id": transaction_id,
        "txnstatus_request": {
            "reference_id": reference_id,
            "txn_type": "subscibe" if literal else txn_type,
            "attribute_type": attribute_type,
            "attribute_value": value if isinstance(value, str) else list(value),
            "locale": connection.locale,
        },
    }


def enrolled_message(
    identifier: Identifier, programme: str, connection: Connection, *, transaction_id: str
) -> dict[str, Any]:
    """The IBR question whether somebody is enrolled; an empty `programme` asks about any."""
    query: dict[str, Any] = {PERSON: {"eq": identifier.value}}
    if identifier.type != "UIN":
        query[PERSON_TYPE] = {"eq": connection.their_name(identifier.type)}
    if programme:
        query[PROGRAMME] = {"eq": programme}
    criteria = {"query_type": "expression", "response_entity": connection.response_entity, "query": query}
    return {"transaction_id": transaction_id, "enrolled_criteria": criteria}


def enrollment_message(
    people: Sequence[Enrollee], connection: Connection, *, transaction_id: str
) -> dict[str, Any]:
    """The IBR update that tells of members: identifiers and programme, no names."""
    return {
        "transaction_id": transaction_id,
        "enrolled_updates": {
            "beneficiaries": [
                {
                    "member": {
                        "member_identifier": [
                            {
                                "identifier_type": connection.their_name(identifier.type),
                                "identifier_value": identifier.value,
                            }
                            for identifier in person.identifiers
                        ]
                    },
                    "programme_identifier": {
                        "programme": {"programme_identifier": person.programme},
                        "enrolment_date": person.enrolled_on.isoformat(),
                        "enrolment_status": person.status,
                    },
                }
                for person in people
            ]
        },
    }


def _query(query: Query, connection: Connection) -> tuple[str, Any]:
    match query:
        case IdTypeValue(identifier):
            name = connection.their_name(identifier.type)
            return "idtype-value", {"type": name, "value": identifier.value}
        case Predicate(conditions):
            return "predicate", _predicates(conditions)


def _predicates(conditions: Sequence[Condition]) -> list[dict[str, Any]]:
    # One entry of the standard's predicate joins two comparisons; all entries must hold.
    entries = []
    for number, start in enumerate(range(0, len(conditions), 2), start=1):
        first, *second = conditions[start : start + 2]
        entry: dict[str, Any] = {"seq_num": number, "expression1": _comparison(first)}
        if second:
            entry |= {"condition": "and", "expression2": _comparison(second[0])}
        entries.append(entry)
    return entries


def _comparison(condition: Condition) -> dict[str, Any]:
    return {
        "attribute_name": condition.attribute,
        "operator": condition.operator,
        "attribute_value": condition.value,
    }


def _consent(consent: Consent) -> dict[str, Any]:
    purpose = {"text": consent.text, "code": consent.code, "ref_uri": consent.ref_uri}
    return {
        "@context": "https://schema.spdci.org/core/v1/data/Consent.jsonld",
        "@type": "Consent",
        "ts": written(consent.given_at),
        "purpose": purpose,
    }
