"""The civil registry: who is who, by national identity number."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from sandbox.people import DOCUMENT_TYPES, Person
from sandbox.registries import access, envelope, search, watched
from sandbox.registries.envelope import RejectedError
from sandbox.registries.search import Record
from sandbox.world import here

ROLE = "civil"
RECORD_TYPE = "CRVSPerson"
blueprint = Blueprint("civil", __name__, url_prefix="/civil")
access.install(blueprint, ROLE)
watched.install(blueprint)


@blueprint.post("/registry/sync/search")
def sync_search() -> ResponseReturnValue:
    fault = here().faults.draw(ROLE)
    received = envelope.receive(ROLE, fault)
    message: dict[str, Any] = {"transaction_id": received.transaction_id, "search_response": []}
    try:
        envelope.check_header(received.header, "search")
        envelope.reject_by_fault(fault)
        find = _nobody if fault.outcome == "unknown" else _find
        items = search.items_of(received, "search_request")
        message["search_response"] = [search.answer(item, find, RECORD_TYPE) for item in items]
    except RejectedError as error:
        return envelope.reply(ROLE, received, message, fault, reason=error)
    envelope.lose_answer(fault)
    return envelope.reply(ROLE, received, message, fault)


def _nobody(_criteria: Mapping[str, Any]) -> list[Record]:
    return []


def _find(criteria: Mapping[str, Any]) -> list[Record]:
    kind = criteria.get("query_type")
    directory = here().people
    if kind == "idtype-value":
        id_type, value = search.identifier(criteria)
        try:
            person = directory.known_by(id_type, value.strip())
        except KeyError:
            known = ", ".join(("UIN", *DOCUMENT_TYPES))
            raise RejectedError("rjct.search_criteria.invalid", f"people are found by {known}") from None
        return [as_record(person) | _paper(id_type, value.strip())] if person else []
    if kind == "predicate":
        matches = search.predicate(criteria, _fields)
        return [record for record in map(as_record, directory.by_id.values()) if matches(record)]
    raise RejectedError("rjct.search_criteria.invalid", "query_type is idtype-value or predicate")


def _paper(id_type: str, value: str) -> Record:
    """Who is asked for by another paper is shown by it: their national number is not handed out."""
    return {"identifier": [{"identifier_type": id_type, "identifier_value": value}]}


def as_record(person: Person) -> Record:
    """A CRVS person: identifiers, name parts, dates, and whether alive."""
    record: Record = {
        "@type": RECORD_TYPE,
        "identifier": [{"identifier_type": "UIN", "identifier_value": person.id}],
        "name": {
            "given_name": person.given_name,
            "second_name": person.second_name,
            "surname": person.surname,
        },
        "sex": person.sex,
        "birth_date": person.birth_date,
        "birth_place": person.county,
        "status": person.status,
    }
    died = here().store.row("SELECT day FROM civil_deaths WHERE id = ?", person.id)
    if died is not None:
        record["status"] = "deceased"
    if person.death_date or died is not None:
        record["death_date"] = person.death_date or (died["day"] if died is not None else "")
    return record


def _fields(record: Record) -> Mapping[str, Any]:
    flat = {key: value for key, value in record.items() if isinstance(value, str)}
    names: Mapping[str, Any] = record["name"]
    return flat | dict(names) | {"UIN": record["identifier"][0]["identifier_value"]}
