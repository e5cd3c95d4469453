"""The OpenAPI document of what we serve, made from the table of endpoints that serves it."""

from typing import Any

from registry.codes import AckStatus, Status
from registry.questions import PERSON, PERSON_TYPE, PROGRAMME
from registry.server.endpoints import ENDPOINTS, Endpoint
from registry.server.enrolling import PERSON_TYPES
from registry.server.headers import BATCH_MAX, ID_MAX
from registry.server.hearing import ENROLMENT_STATUSES
from registry.server.model import Scope
from registry.server.queries import IDENTIFIER_TYPES, PAGE_SIZE_MAX, RECORD_TYPES
from registry.server.subscribing import EVENTS

Schema = dict[str, Any]
_ID: Schema = {"type": "string", "minLength": 1, "maxLength": ID_MAX}
_AT: Schema = {"type": "string", "format": "date-time"}
_LOCALE: Schema = {"type": "string", "pattern": "^[a-z]{3}$"}


def document(base_url: str) -> dict[str, Any]:
    """OpenAPI 3.1, with `base_url` as the server."""
    paths = {f"/registry/{endpoint.path}": {"post": _operation(endpoint)} for endpoint in ENDPOINTS}
    paths["/oauth2/client/token"] = {"post": _token_operation()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kibaba: members and contributions over the DCI standard",
            "version": "1.0.0",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": _schemas(),
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    envelope = {"$ref": f"#/components/schemas/{_message_name(endpoint)}"}
    request = {
        "type": "object",
        "required": ["header", "message"],
        "properties": {
            "signature": {"type": "string"},
            "header": _header(endpoint),
            "message": envelope,
        },
    }
    answer = f"#/components/schemas/{_answer_name(endpoint)}"
    return {
        "operationId": endpoint.path.replace("/", "_").replace("-", "_"),
        "summary": f"action {endpoint.action}, scope {endpoint.scope}",
        "security": [{"bearer": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": _json("taken, or refused with `ERR`", answer),
            "400": _json("not an envelope", "#/components/schemas/Errors"),
            "401": _json("no valid token", "#/components/schemas/Errors"),
            "403": _json("not granted", "#/components/schemas/Errors"),
            "413": _json("too large", "#/components/schemas/Errors"),
            "429": _json("too many requests", "#/components/schemas/Errors"),
        },
    }


def _token_operation() -> dict[str, Any]:
    fields = {
        "grant_type": {"type": "string", "enum": ["client_credentials"]},
        "client_id": {"type": "string"},
        "client_secret": {"type": "string"},
        "scope": {"type": "string", "description": " ".join(Scope)},
    }
    form = {
        "type": "object",
        "required": ["grant_type", "client_id", "client_secret"],
        "properties": fields,
    }
    failed = "#/components/schemas/TokenError"
    return {
        "operationId": "token",
        "security": [],
        "requestBody": {
            "required": True,
            "content": {"application/x-www-form-urlencoded": {"schema": form}},
        },
        "responses": {
            "200": _json("a token", "#/components/schemas/Token"),
            "400": _json("another grant or scope", failed),
            "401": _json("not these credentials", failed),
            "413": _json("too large", "#/components/schemas/Errors"),
            "429": _json("too many requests", failed),
        },
    }


def _header(endpoint: Endpoint) -> Schema:
    is_answer = endpoint.action.startswith(("on-", "txn-on-"))
    needed = ["message_id", "message_ts", "action"]
    return {
        "type": "object",
        "required": needed if is_answer else [*needed, "sender_id", "total_count"],
        "properties": {
            "version": {"const": "1.0.0"},
            "message_id": _ID,
            "message_ts": _AT,
            "action": {"const": endpoint.action},
            "sender_id": _ID,
            "sender_uri": {"type": "string"},
            "receiver_id": {"type": "string"},
            "total_count": {"type": "integer", "minimum": 0, "maximum": BATCH_MAX},
            "is_msg_encrypted": {"const": False},
        },
    }


def _answer_name(endpoint: Endpoint) -> str:
    if not endpoint.is_sync:
        return "Ack"
    return {"sync/enrolled": "EnrolledReply", "sync/enrollment/updates": "EnrolmentsReply"}.get(
        endpoint.path, "SyncReply"
    )


def _message_name(endpoint: Endpoint) -> str:
    by_path = {"sync/enrolled": "EnrolledRequest", "sync/enrollment/updates": "EnrolmentsRequest"}
    if endpoint.path in by_path:
        return by_path[endpoint.path]
    return {
        "search": "SearchRequest",
        "subscribe": "SubscribeRequest",
        "unsubscribe": "UnsubscribeRequest",
        "notify": "NotifyRequest",
        "txn-status": "StatusRequest",
    }.get(endpoint.action, "Answer")


def _schemas() -> dict[str, Schema]:
    identifier: Schema = {
        "type": "object",
        "required": ["type", "value"],
        "properties": {"type": {"enum": [*sorted(IDENTIFIER_TYPES), "programme"]}, "value": _ID},
    }
    size = {"type": "integer", "minimum": 1, "maximum": PAGE_SIZE_MAX}
    criteria: Schema = {
        "type": "object",
        "required": ["query_type", "query"],
        "properties": {
            "query_type": {"enum": ["idtype-value", "predicate"]},
            "query": {"anyOf": [identifier, {"type": "array", "items": {"type": "object"}}]},
            "reg_record_type": {"enum": list(RECORD_TYPES)},
            "pagination": {
                "type": "object",
                "properties": {"page_size": size, "page_number": {"type": "integer", "minimum": 1}},
            },
        },
    }
    wish: Schema = {
        "type": "object",
        "required": ["reg_event_type", "filter", "notify_record_type"],
        "properties": {
            "reg_event_type": {"enum": list(EVENTS)},
            "filter": identifier,
            "notify_record_type": {"enum": list(EVENTS.values())},
        },
    }
    status = {
        "type": "object",
        "required": ["reference_id", "txn_type", "attribute_type", "attribute_value"],
        "properties": {
            "reference_id": _ID,
            "txn_type": {"enum": ["search", "subscribe", "unsubscribe"]},
            "attribute_type": {
                "enum": ["transaction_id", "reference_id_list", "correlation_id", "subscription_code_list"]
            },
            "attribute_value": {"anyOf": [_ID, {"type": "array", "items": _ID}]},
        },
    }
    return {
        "SearchRequest": _batch("search_request", "search_criteria", criteria),
        "EnrolledRequest": _object({"transaction_id": _ID, "enrolled_criteria": _enrolled_criteria()}),
        "EnrolmentsRequest": _object({"transaction_id": _ID, "enrolled_updates": _enrolled_updates()}),
        "SubscribeRequest": _batch("subscribe_request", "subscribe_criteria", wish),
        "NotifyRequest": _batch("notify_event", "data", {"type": "object"}),
        "UnsubscribeRequest": _object(
            {"transaction_id": _ID, "subscription_codes": {"type": "array", "items": _ID}}
        ),
        "StatusRequest": _object({"txnstatus_request": status}),
        "Answer": _object({"transaction_id": _ID}),
        "Ack": {"anyOf": [_ack()]},
        "SyncReply": {"anyOf": [_ack(), _reply()]},
        "EnrolledReply": {"anyOf": [_ack(), _reply(enrolled_response=_enrolled_response(1))]},
        "EnrolmentsReply": {"anyOf": [_ack(), _reply(enrolled_response=_enrolled_response(BATCH_MAX))]},
        "Errors": _object({"errors": {"type": "array", "items": _error()}}),
        "Token": _object(
            {
                "access_token": {"type": "string"},
                "token_type": {"const": "Bearer"},
                "expires_in": {"type": "integer"},
                "scope": {"type": "string"},
            }
        ),
        "TokenError": _object({"error": {"type": "string"}}),
    }


def _enrolled_criteria() -> Schema:
    query: Schema = {
        "type": "object",
        "required": [PERSON],
        "properties": {
            PERSON: _object({"eq": _ID}),
            PERSON_TYPE: _object({"eq": {"enum": list(PERSON_TYPES)}}),
            PROGRAMME: _object({"eq": _ID}),
        },
    }
    return _object({"query_type": {"const": "expression"}, "query": query})


def _enrolled_updates() -> Schema:
    named = _object({"identifier_type": _ID, "identifier_value": _ID})
    programme = _object({"programme_identifier": _ID})
    beneficiary = _object(
        {
            "member": _object({"member_identifier": {"type": "array", "minItems": 1, "items": named}}),
            "programme_identifier": _object(
                {"programme": programme, "enrolment_status": {"enum": list(ENROLMENT_STATUSES)}}
            ),
        }
    )
    return _object({"beneficiaries": {"type": "array", "minItems": 1, "items": beneficiary}})


def _enrolled_response(entries_max: int) -> Schema:
    entry = _object({"enrolled_status": {"enum": ["yes", "no"]}}) | {"additionalProperties": False}
    return {"type": "array", "maxItems": entries_max, "items": entry}


def _batch(name: str, inner: str, schema: Schema) -> Schema:
    item = {
        "type": "object",
        "required": ["reference_id", "timestamp", inner],
        "properties": {"reference_id": _ID, "timestamp": _AT, inner: schema, "locale": _LOCALE},
    }
    return _object({"transaction_id": _ID, name: {"type": "array", "minItems": 1, "items": item}})


def _ack() -> Schema:
    return _object(
        {
            "message": {
                "type": "object",
                "required": ["ack_status", "timestamp", "correlation_id"],
                "properties": {
                    "ack_status": {"enum": [str(status) for status in AckStatus]},
                    "timestamp": _AT,
                    "correlation_id": {"type": "string"},
                    "error": _error(),
                },
            }
        }
    )


def _reply(**more: Schema) -> Schema:
    header: Schema = {
        "type": "object",
        "required": ["message_id", "message_ts", "action", "status"],
        "properties": {
            "message_id": _ID,
            "message_ts": _AT,
            "status": {"enum": [str(status) for status in Status]},
            "status_reason_code": {"type": "string"},
        },
    }
    message = _object({"transaction_id": {}, **more})
    return _object({"signature": {"type": "string"}, "header": header, "message": message})


def _error() -> Schema:
    return _object({"code": {"type": "string"}, "message": {"type": "string"}})


def _object(properties: Schema) -> Schema:
    """An object that has all of these."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _json(description: str, reference: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": reference}}},
    }
