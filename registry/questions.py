"""Searches and notifications as they are written: the strict half of the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from registry.connection import Connection
from registry.envelope import written
from registry.model import Condition, Consent, Event, IdTypeValue, Predicate, Query, Search


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
