"""The fund's registry asked who is enrolled in another programme: the IBR call `sync/enrolled`."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from sandbox.registries import envelope
from sandbox.registries.envelope import RejectedError
from sandbox.world import here

_PERSON = "person_identifier"
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
            message["enrolled_response"] = [{"enrolled_status": _status(received.message)}]
        except RejectedError as error:
            return envelope.reply(role, received, message, fault, reason=error)
        envelope.lose_answer(fault)
        return envelope.reply(role, received, message, fault)


def _status(message: Mapping[str, Any]) -> str:
    criteria = message.get("enrolled_criteria")
    query = criteria.get("query") if isinstance(criteria, dict) else None
    if not isinstance(query, dict) or not isinstance(query.get(_PERSON), dict):
        raise RejectedError("rjct.search_criteria.invalid", "enrolled_criteria.query needs person_identifier")
    programme = here().people.programme_of.get(str(query[_PERSON].get("eq", "")))
    wanted = query.get(_PROGRAMME)
    asked = wanted.get("eq") if isinstance(wanted, dict) else None
    return "yes" if programme is not None and asked in {None, programme} else "no"
