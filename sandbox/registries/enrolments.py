"""The fund's registry told whom a programme has enrolled: the IBR call `sync/enrollment/updates`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.registries import envelope
from sandbox.registries.envelope import Envelope, RejectedError
from sandbox.world import World, here

MEMBER_NUMBER = "NSSF_NO"
_ENROLLED, _LEFT = "active", "inactive"


@dataclass(frozen=True, slots=True)
class Beneficiary:
    """One membership, its own number or else its first identifier standing for it."""

    membership: str
    identifiers: Sequence[tuple[str, str]]
    programme: str
    status: str
    enrolled_on: str


def install(blueprint: Blueprint) -> None:
    """Serve the call at a registry, and show what it was told."""
    role = blueprint.name

    @blueprint.post("/registry/sync/enrollment/updates")
    def enrollment_updates() -> ResponseReturnValue:
        fault = here().faults.draw(role)
        received = envelope.receive(role, fault)
        message: dict[str, Any] = {"transaction_id": received.transaction_id, "enrolled_response": []}
        try:
            envelope.check_header(received.header, "notify")
            told = _beneficiaries(received)
            envelope.reject_by_fault(fault)
        except RejectedError as error:
            return envelope.reply(role, received, message, fault, reason=error)
        message["enrolled_response"] = [
            {"enrolled_status": "yes" if one.status == _ENROLLED else "no"} for one in told
        ]
        if fault.half_post:
            told = told[: len(told) // 2]
        with here().store.transaction():
            for one in told:
                _keep(here(), received, one)
        envelope.lose_answer(fault)
        return envelope.reply(role, received, message, fault)

    @blueprint.get("/enrolments")
    def enrolled() -> ResponseReturnValue:
        """One entry for each membership, with how often it was changed and how often it was told."""
        rows = here().store.rows(
            "SELECT programme, membership, status, enrolled_on, updates, deliveries,"
            " json_group_object(identifier_type, identifier_value) AS identifiers FROM enrolments"
            " GROUP BY sender_id, programme, membership ORDER BY programme, membership"
        )
        return jsonify([dict(row) | {"identifiers": json.loads(row["identifiers"])} for row in rows])


def programmes_of(world: World, identifiers: Sequence[tuple[str, str]]) -> set[str]:
    """In which programmes anybody of these names is enrolled now, of what it was told."""
    rows = world.store.rows(
        "SELECT DISTINCT programme FROM json_each(?) AS asked JOIN enrolments"
        " ON identifier_type = asked.value ->> 0 AND identifier_value = asked.value ->> 1 WHERE status = ?",
        json.dumps(identifiers),
        _ENROLLED,
    )
    return {row["programme"] for row in rows}


def _beneficiaries(received: Envelope) -> list[Beneficiary]:
    updates = received.message.get("enrolled_updates")
    listed = updates.get("beneficiaries") if isinstance(updates, dict) else None
    if not isinstance(listed, list) or not listed:
        raise RejectedError("rjct.search_criteria.invalid", "enrolled_updates.beneficiaries must be a list")
    if len(listed) != received.header["total_count"]:
        raise RejectedError(
            "rjct.total_count.invalid", f"total_count is not the number of items, {len(listed)}"
        )
    return [_beneficiary(one) for one in listed]


def _beneficiary(one: Any) -> Beneficiary:
    try:
        identifiers = [
            (str(name["identifier_type"]), str(name["identifier_value"]))
            for name in one["member"]["member_identifier"]
        ]
        enrolment = one["programme_identifier"]
        programme = enrolment["programme"]["programme_identifier"]
        status, enrolled_on = enrolment["enrolment_status"], enrolment["enrolment_date"]
        date.fromisoformat(enrolled_on)
    except (KeyError, TypeError, ValueError) as error:
        raise RejectedError("rjct.person_id.invalid", f"a beneficiary lacks {error}") from error
    if not identifiers or not isinstance(programme, str) or not programme or status not in {_ENROLLED, _LEFT}:
        raise RejectedError("rjct.person_id.invalid", "identifier, programme and status are needed")
    kind, value = identifiers[0]
    membership = dict(identifiers).get(MEMBER_NUMBER, f"{kind}:{value}")
    return Beneficiary(membership, identifiers, programme, status, enrolled_on)


def _keep(world: World, received: Envelope, one: Beneficiary) -> None:
    """The last word counts; the same transaction again is only counted."""
    mine: Mapping[str, str] = {
        "sender_id": received.sender_id,
        "programme": one.programme,
        "membership": one.membership,
    }
    where = "sender_id = ? AND programme = ? AND membership = ?"
    repeated = world.store.execute(
        f"UPDATE enrolments SET deliveries = deliveries + 1 WHERE {where} AND transaction_id = ?",  # noqa: S608 - a literal.
        *mine.values(),
        received.transaction_id,
    )
    if repeated:
        return
    known = world.store.execute(
        "UPDATE enrolments SET status = ?, transaction_id = ?, updates = updates + 1,"  # noqa: S608 - a literal.
        f" deliveries = deliveries + 1 WHERE {where}",
        one.status,
        received.transaction_id,
        *mine.values(),
    )
    if known:
        return
    for kind, value in one.identifiers:
        world.store.insert(
            "enrolments",
            **mine,
            identifier_type=kind,
            identifier_value=value,
            status=one.status,
            enrolled_on=one.enrolled_on,
            transaction_id=received.transaction_id,
        )
