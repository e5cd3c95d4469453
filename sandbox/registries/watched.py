"""Who asked the civil registry to be told of deaths and changes of name, and the telling."""

import secrets
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.clock import iso_utc
from sandbox.registries import envelope, outgoing, search
from sandbox.registries.envelope import AckError, Envelope, RejectedError
from sandbox.world import here

ROLE = "civil"
EVENTS = frozenset({"death", "name_change"})


def install(blueprint: Blueprint) -> None:
    """Adds subscribe, unsubscribe and the buttons that make something happen to a person."""
    blueprint.add_url_rule("/registry/subscribe", view_func=subscribe, methods=["POST"])
    blueprint.add_url_rule("/registry/unsubscribe", view_func=unsubscribe, methods=["POST"])
    blueprint.add_url_rule("/happenings", view_func=happen, methods=["POST"])


def subscribe() -> ResponseReturnValue:
    fault = here().faults.draw(ROLE)
    received = envelope.receive(ROLE, fault)
    try:
        envelope.check_header(received.header, "subscribe")
        envelope.reject_by_fault(fault)
        entries = [_subscribe(received, item) for item in search.items_of(received, "subscribe_request")]
    except RejectedError as error:
        raise AckError(error.code, str(error)) from error
    message = {
        "transaction_id": received.transaction_id,
        "correlation_id": secrets.token_hex(16),
        "subscribe_response": entries,
    }
    outgoing.send(here(), ROLE, f"{_base(received)}/registry/on-subscribe", "on-subscribe", message, fault)
    envelope.lose_answer(fault)
    return envelope.ack("ACK")


def unsubscribe() -> ResponseReturnValue:
    fault = here().faults.draw(ROLE)
    received = envelope.receive(ROLE, fault)
    codes = received.message.get("subscription_codes")
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise AckError("err.request.bad", "subscription_codes must be a list of texts")
    for code in codes:
        here().store.execute("DELETE FROM civil_subscriptions WHERE code = ?", code)
    message = {
        "transaction_id": received.transaction_id,
        "timestamp": iso_utc(here().clock.now()),
        "status": "succ",
    }
    url = f"{_base(received)}/registry/on-unsubscribe"
    outgoing.send(here(), ROLE, url, "on-unsubscribe", message, fault)
    return envelope.ack("ACK")


def happen() -> ResponseReturnValue:
    """`{"id": …, "event": "death" | "name_change", "date": …}`: it happens, and who subscribed is told."""
    world, body = here(), request.get_json(silent=True)
    wanted = body if isinstance(body, dict) else {}
    person = world.people.by_id.get(str(wanted.get("id", "")))
    event = wanted.get("event")
    if person is None or event not in EVENTS:
        return jsonify(error="id must be a person's, event death or name_change"), 400
    day = str(wanted.get("date") or iso_utc(world.clock.now())[:10])
    if event == "death":
        world.store.execute(
            "INSERT INTO civil_deaths (id, day) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", person.id, day
        )
    record: dict[str, Any] = {
        "@type": "CRVSPerson",
        "identifier": [{"identifier_type": "UIN", "identifier_value": person.id}],
    }
    if event == "death":
        record["death_date"] = day
    rows = world.store.rows(
        "SELECT code, url FROM civil_subscriptions WHERE person = ? AND event = ?", person.id, event
    )
    fault = world.faults.draw(ROLE)
    for row in rows:
        item = {
            "reference_id": f"{person.id}-{event}-{day}",
            "timestamp": iso_utc(world.clock.now()),
            "data": {
                "version": "1.0.0",
                "reg_type": "ns:org:RegistryType:Civil",
                "reg_event_type": event,
                "reg_record_type": "CRVSPerson",
                "response_entity": "Member",
                "reg_records": record,
            },
            "locale": "eng",
        }
        message = {"transaction_id": f"{row['code']}-{day}", "notify_event": [item]}
        outgoing.send(world, ROLE, f"{row['url']}/registry/notify", "notify", message, fault)
    return jsonify(told=len(rows)), 201


def _subscribe(received: Envelope, item: Mapping[str, Any]) -> dict[str, Any]:
    world = here()
    head = {"reference_id": str(item.get("reference_id", "")), "timestamp": iso_utc(world.clock.now())}
    criteria = item.get("subscribe_criteria")
    wanted = criteria.get("filter") if isinstance(criteria, dict) else None
    event = criteria.get("reg_event_type") if isinstance(criteria, dict) else None
    reason = ""
    if event not in EVENTS:
        reason = "rjct.notify_types.invalid"
    elif not isinstance(wanted, dict) or str(wanted.get("value")) not in world.people.by_id:
        reason = "rjct.person_id.invalid"
    if reason:
        return head | {"status": "rjct", "status_reason_code": reason}
    assert isinstance(wanted, dict)
    code = secrets.token_hex(12)
    world.store.insert(
        "civil_subscriptions", code=code, person=str(wanted["value"]), event=event, url=_base(received)
    )
    entry = {"code": code, "status": "subscribe", "timestamp": iso_utc(world.clock.now())}
    return head | {"status": "succ", "subscriptions": [entry]}


def _base(received: Envelope) -> str:
    # Only our own gateway is called, whatever a message says.
    given = str(received.header.get("sender_uri") or "")
    target = here().settings.target.rstrip("/")
    return given.rstrip("/") if given.startswith(f"{target}/") else f"{target}/dci"
