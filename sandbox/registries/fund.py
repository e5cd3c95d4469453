"""The fund's central registry: takes contributions as events, and says which of them it holds."""

import json
import secrets
import sqlite3
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox import money
from sandbox.clock import iso_utc
from sandbox.registries import access, enrolled, enrolments, envelope, search
from sandbox.registries.envelope import AckError, Envelope, RejectedError
from sandbox.registries.search import Record
from sandbox.world import World, here

ROLE = "fund"
RECORD_TYPE = "Contribution"
blueprint = Blueprint("fund", __name__, url_prefix="/fund")
access.install(blueprint, ROLE)
enrolled.install(blueprint)
enrolments.install(blueprint)


@blueprint.post("/registry/notify")
def notify() -> ResponseReturnValue:
    world = here()
    fault = world.faults.draw(ROLE)
    received = envelope.receive(ROLE, fault)
    try:
        envelope.check_header(received.header, "notify")
        events = [_checked(event) for event in search.items_of(received, "notify_event")]
        envelope.reject_by_fault(fault)
    except RejectedError as error:
        raise AckError(error.code, str(error)) from error
    if fault.half_post:
        events = events[: len(events) // 2]
    with world.store.transaction():
        for event in events:
            _keep(world, received, event)
    envelope.lose_answer(fault)
    return envelope.ack("NACK" if fault.outcome == "nack" else "ACK")


def _checked(event: Mapping[str, Any]) -> Mapping[str, Any]:
    reference_id, data = event.get("reference_id"), event.get("data")
    if not isinstance(reference_id, str) or not 0 < len(reference_id) <= envelope.ID_LENGTH_MAX:
        raise RejectedError("rjct.reference_id.invalid", "reference_id must be a text of 1 to 99 characters")
    if not envelope.has_zone(event.get("timestamp")):
        raise RejectedError("rjct.timestamp.invalid", "timestamp needs a time zone")
    if not isinstance(data, dict) or not isinstance(data.get("reg_records"), dict):
        raise AckError("err.request.bad", "data.reg_records must be one object")
    for field in ("reg_type", "reg_event_type", "reg_record_type", "response_entity"):
        if not isinstance(data.get(field), str):
            raise AckError("err.request.bad", f"data.{field} is required")
    record = data["reg_records"]
    amount = record.get("amount")
    if not isinstance(amount, str) or not money.cents(amount):
        raise AckError("err.request.bad", "amount must be a positive decimal text such as 200.00")
    if not isinstance(record.get("currency_code"), str) or len(record["currency_code"]) != 3:  # noqa: PLR2004 - ISO 4217.
        raise AckError("err.request.bad", "currency_code must be three letters")
    members = record.get("member_identifier")
    if (
        not isinstance(members, list)
        or not members
        or not all(isinstance(member, dict) for member in members)
    ):
        raise AckError("err.request.bad", "member_identifier must be a list of identifiers")
    return event


def _keep(world: World, received: Envelope, event: Mapping[str, Any]) -> None:
    """The first delivery of (sender, transaction, reference) counts; a repeat is only counted."""
    key = (received.sender_id, received.transaction_id, event["reference_id"])
    repeated = world.store.execute(
        "UPDATE contributions SET deliveries = deliveries + 1"
        " WHERE sender_id = ? AND transaction_id = ? AND reference_id = ?",
        *key,
    )
    if not repeated:
        world.store.insert(
            "contributions",
            sender_id=key[0],
            transaction_id=key[1],
            reference_id=key[2],
            correlation_id=secrets.token_hex(16),
            received_at=world.clock.now(),
            record=json.dumps(event["data"]["reg_records"]),
        )


@blueprint.post("/registry/sync/search")
def sync_search() -> ResponseReturnValue:
    fault = here().faults.draw(ROLE)
    received = envelope.receive(ROLE, fault)
    message: dict[str, Any] = {"transaction_id": received.transaction_id, "search_response": []}
    try:
        envelope.check_header(received.header, "search")
        envelope.reject_by_fault(fault)
        items = search.items_of(received, "search_request")
        find = _VIEWS.get(fault.outcome, _find)
        message["search_response"] = [search.answer(item, find, RECORD_TYPE) for item in items]
    except RejectedError as error:
        return envelope.reply(ROLE, received, message, fault, reason=error)
    envelope.lose_answer(fault)
    return envelope.reply(ROLE, received, message, fault)


def _lies(criteria: Mapping[str, Any]) -> list[Record]:
    """Says another amount than it was told."""
    found = _find(criteria)
    return [record | {"amount": money.plain((money.cents(record["amount"]) or 0) + 100)} for record in found]


def _pending(criteria: Mapping[str, Any]) -> list[Record]:
    """Has not decided yet what it will count."""
    return [record | {"status": "pdng"} for record in _find(criteria)]


def _rejected(criteria: Mapping[str, Any]) -> list[Record]:
    """Took it, and counts it for nothing."""
    return [record | {"status": "rjct"} for record in _find(criteria)]


_VIEWS = {"lies": _lies, "pending": _pending, "rejected": _rejected}


def _find(criteria: Mapping[str, Any]) -> list[Record]:
    kind = criteria.get("query_type")
    if kind == "idtype-value":
        id_type, value = search.identifier(criteria)
        if id_type == "REFERENCE_ID":
            rows = here().store.rows("SELECT * FROM contributions WHERE reference_id = ? ORDER BY id", value)
            return [_as_record(row) for row in rows]
        return [record for record in _all() if value in _identifiers(record, id_type)]
    if kind == "predicate":
        matches = search.predicate(criteria, _fields)
        return [record for record in _candidates(criteria) if matches(record)]
    raise RejectedError("rjct.search_criteria.invalid", "query_type is idtype-value or predicate")


def _candidates(criteria: Mapping[str, Any]) -> list[Record]:
    """Contributions by an index when the query names references or transactions, otherwise all of them."""
    for column in ("reference_id", "transaction_id"):
        values = search.narrowed(criteria, column)
        if values is not None:
            sql = (
                f"SELECT * FROM contributions WHERE {column} IN"  # noqa: S608 - one of two literals.
                " (SELECT value FROM json_each(?)) ORDER BY id"
            )
            return [_as_record(row) for row in here().store.rows(sql, json.dumps(values))]
    return _all()


def _all() -> list[Record]:
    return [_as_record(row) for row in here().store.rows("SELECT * FROM contributions ORDER BY id")]


def _as_record(row: sqlite3.Row) -> Record:
    """What was notified, with the registry's own view: our reference, its correlation id and `succ`."""
    record: Record = json.loads(row["record"])
    record.setdefault("@type", RECORD_TYPE)
    return record | {
        "reference_id": row["reference_id"],
        "transaction_id": row["transaction_id"],
        "correlation_id": row["correlation_id"],
        "currency": record["currency_code"],
        "received_at": iso_utc(row["received_at"]),
        "status": "rjct" if record.get("corrects") else "succ",
    }


def _identifiers(record: Record, id_type: str) -> set[str]:
    return {
        str(member.get("identifier_value"))
        for member in record["member_identifier"]
        if member.get("identifier_type") == id_type
    }


def _fields(record: Record) -> Mapping[str, Any]:
    flat = {key: value for key, value in record.items() if isinstance(value, (str, int, float))}
    for member in record["member_identifier"]:
        flat[str(member.get("identifier_type"))] = str(member.get("identifier_value"))
    return flat


@blueprint.get("/contributions")
def contributions() -> ResponseReturnValue:
    rows = here().store.rows("SELECT * FROM contributions ORDER BY id")
    return jsonify(
        [_as_record(row) | {"sender_id": row["sender_id"], "deliveries": row["deliveries"]} for row in rows]
    )


@blueprint.get("/total")
def total() -> ResponseReturnValue:
    """What it counts: a record and the one that corrects it count together for nothing."""
    records = _all()
    void = {record["corrects"] for record in records if record.get("corrects")}
    counted = [
        record for record in records if not record.get("corrects") and record["reference_id"] not in void
    ]
    amount_cents = sum(money.cents(record["amount"]) or 0 for record in counted)
    return jsonify(
        count=len(counted), amount_cents=amount_cents, amount=money.plain(amount_cents), currency_code="KES"
    )
