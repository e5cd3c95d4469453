"""The fund's registry asked who is enrolled in which programme: the IBR call `sync/enrolled`."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from sandbox.registries import enrolments, envelope
from sandbox.registries.envelope import RejectedError
from sandbox.world import here

_PERSON = "person_identifier"
_PERSON_TYPE = "person_identifier.identifier_type"
_PROGRAMME = "programme_identifier.program.programme_identifier"


def install(blueprint: Blueprint) -> None:
    """Serve the call at a registry."""
    role = blueprint.name

    @blueprint.post("/registry/sync/enrolled")
    def sync_enrolled() -> ResponseReturnValue:
        fault = here().faults.draw(role)
        received = envelope.receive(role, fault)
        message: dict[str, Any] = {"transaction_id": received.transaction_id, "enrolled_response": []}
        try:
            envelope.check_header(received.header, "search")
            envelope.reject_by_fault(fault)
            status = _status(received.message)
            if fault.outcome == "lies":
                status = "no" if status == "yes" else "yes"
            message["enrolled_response"] = [{"enrolled_status": status}]
        except RejectedError as error:
            return envelope.reply(role, received, message, fault, reason=error)
        envelope.lose_answer(fault)
        return envelope.reply(role, received, message, fault)


def _status(message: Mapping[str, Any]) -> str:
    criteria = message.get("enrolled_criteria")
    query = criteria.get("query") if isinstance(criteria, dict) else None
    if not isinstance(query, dict) or not isinstance(query.get(_PERSON), dict):
        raise RejectedError("rjct.search_criteria.invalid", "enrolled_criteria.query needs person_identifier")
    # Without a type it is the national number.
    kind, value = _wanted(query, _PERSON_TYPE) or "UIN", _wanted(query, _PERSON) or ""
    programmes = enrolments.programmes_of(here(), _names(kind, value))
    if kind != enrolments.MEMBER_NUMBER and (person := here().people.known_by(kind, value)):
        programmes |= {here().people.programme_of.get(person.id, "")}
    wanted = _wanted(query, _PROGRAMME)
    return "yes" if programmes - {""} and wanted in {None, *programmes} else "no"


def _names(kind: str, value: str) -> list[tuple[str, str]]:
    """Every identifier of the person whom one names: by whichever paper, it is the same person."""
    if kind == enrolments.MEMBER_NUMBER:
        return [(kind, value)]
    people = here().people
    try:
        person = people.known_by(kind, value)
    except KeyError as error:
        raise RejectedError("rjct.search_criteria.invalid", f"no {error.args[0]} is kept here") from error
    if person is None:
        return [(kind, value)]
    papers = [paper for paper, owner in people.by_document.items() if owner is person]
    return [("UIN", person.id), *papers]


def _wanted(query: Mapping[str, Any], name: str) -> str | None:
    condition = query.get(name)
    return str(condition.get("eq", "")) if isinstance(condition, dict) else None
