"""Whether somebody saves with us (IBR `sync/enrolled`): one person at a time, answered by yes or no alone."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from core.errors import InvalidValue
from registry.model import Identifier
from registry.questions import PERSON, PERSON_TYPE, PROGRAMME
from registry.server.headers import is_id
from registry.server.holdings import Holdings
from registry.server.model import Rejected

# A number without a type is that of the national register: the standard's own question has no type.
PERSON_TYPES = ("UIN", "NSSF_NO", "REFUGEE_ID", "PASSPORT")
# The specification writes `program` in this query and `programme` everywhere else.
_PROGRAMME_AS_ELSEWHERE = PROGRAMME.replace(".program.", ".programme.")
_CONDITIONS = {PERSON, PERSON_TYPE, PROGRAMME, _PROGRAMME_AS_ELSEWHERE}
_CODE = "rjct.search_criteria.invalid"


class Enrolling:
    """Answers from `holdings`."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings

    def answer(self, session: Session, message: Mapping[str, Any]) -> dict[str, str]:
        """The one entry of `enrolled_response`. Raises Rejected for what cannot be answered by yes or no."""
        query = _query(message)
        unknown = set(query) - _CONDITIONS
        if unknown:
            raise Rejected(_CODE, f"conditions are {', '.join(sorted(_CONDITIONS))}")
        kind = _equal(query, PERSON_TYPE, default="UIN")
        if kind not in PERSON_TYPES:
            raise Rejected(_CODE, f"{PERSON_TYPE} is one of {', '.join(PERSON_TYPES)}")
        person = Identifier(kind, _equal(query, PERSON))
        programmes = {_equal(query, name) for name in (PROGRAMME, _PROGRAMME_AS_ELSEWHERE) if name in query}
        try:
            enrolled = self._holdings.enrolled(session, person)
        except InvalidValue as error:
            raise Rejected(_CODE, str(error)) from error
        return {"enrolled_status": "yes" if enrolled and programmes <= {self._holdings.programme} else "no"}


def _query(message: Mapping[str, Any]) -> Mapping[str, Any]:
    criteria = message.get("enrolled_criteria")
    if not isinstance(criteria, dict) or criteria.get("query_type") != "expression":
        raise Rejected(_CODE, "enrolled_criteria is an object whose query_type is expression")
    query = criteria.get("query")
    if not isinstance(query, dict):
        raise Rejected(_CODE, "query is an object of conditions")
    return query


def _equal(query: Mapping[str, Any], name: str, *, default: str = "") -> str:
    """The text that a condition wants: `{name: {"eq": text}}`."""
    condition = query.get(name, {"eq": default})
    value = condition.get("eq") if isinstance(condition, dict) and len(condition) == 1 else None
    if not isinstance(value, str) or not is_id(value):
        raise Rejected(_CODE, f"{name} is compared by eq with one text of 1 to 99 characters")
    return value.strip()
