"""What a search asks for, read strictly: of whom, which records, which page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from registry.model import Identifier
from registry.server.headers import VERSION, id_or_empty, is_id, is_locale, zoned
from registry.server.holdings import Wanted
from registry.server.model import Rejected

PAGE_SIZE = 50
PAGE_SIZE_MAX = 200
IDENTIFIER_TYPES = frozenset({"UIN", "NSSF_NO"})
RECORD_TYPES = ("Contribution", "Membership")
_CRITERIA = "rjct.search_criteria.invalid"
_CONDITIONS_MAX = 20
_VALUES_MAX = 200
_VALUE_MAX = 99

RecordType = Literal["Contribution", "Membership"]


@dataclass(frozen=True, slots=True)
class Question:
    """One item of a search that can be answered. `pages`: whether the asker said which page it wants."""

    reference_id: str
    record_type: RecordType
    reg_type: str
    wanted: Wanted
    page_number: int
    page_size: int
    pages: bool
    locale: str


def read_question(item: Mapping[str, Any]) -> Question:
    """One item of `search_request`. Raises Rejected."""
    reference_id = reference_id_of(item)
    if zoned(item.get("timestamp")) is None:
        raise Rejected("rjct.timestamp.invalid", "timestamp is an instant with its time zone")
    locale = item.get("locale", "eng")
    if not is_locale(locale):
        raise Rejected(_CRITERIA, "locale is three lower-case letters, such as eng")
    criteria = item.get("search_criteria")
    if not isinstance(criteria, dict):
        raise Rejected(_CRITERIA, "search_criteria is an object")
    if criteria.get("version", VERSION) != VERSION:
        raise Rejected(_CRITERIA, f"version {VERSION} is spoken here")
    if criteria.get("sort") not in (None, []):
        raise Rejected("rjct.sort.invalid", "records come in the order in which they were paid")
    number, size, pages = _page(criteria.get("pagination"))
    return Question(
        reference_id=reference_id,
        record_type=_record_type(criteria),
        reg_type=id_or_empty(criteria.get("reg_type")),
        wanted=_wanted(criteria),
        page_number=number,
        page_size=size,
        pages=pages,
        locale=str(locale),
    )


def reference_id_of(item: Mapping[str, Any]) -> str:
    """What the asker calls this item. Raises Rejected."""
    reference_id = item.get("reference_id")
    if not is_id(reference_id):
        raise Rejected("rjct.reference_id.invalid", "reference_id is a text of 1 to 99 characters")
    return str(reference_id)


def identifier_of(value: Any, code: str = _CRITERIA) -> Identifier:
    """`{type, value}`, or `{identifier_type, identifier_value}`. Raises Rejected with `code`."""
    if isinstance(value, dict):
        kind = value.get("type", value.get("identifier_type"))
        given = value.get("value", value.get("identifier_value"))
        if isinstance(kind, str) and kind in IDENTIFIER_TYPES and isinstance(given, str) and _is_short(given):
            return Identifier(kind, given.strip())
    raise Rejected(code, f"members are found by {' or '.join(sorted(IDENTIFIER_TYPES))}")


def _record_type(criteria: Mapping[str, Any]) -> RecordType:
    given = criteria.get("reg_record_type")
    if given is None:
        return "Contribution" if str(criteria.get("reg_type", "")).endswith(":Contribution") else "Membership"
    if given == "Contribution":
        return "Contribution"
    if given == "Membership":
        return "Membership"
    raise Rejected(_CRITERIA, f"reg_record_type is one of {', '.join(RECORD_TYPES)}")


def _page(value: Any) -> tuple[int, int, bool]:
    if value is None:
        return 1, PAGE_SIZE, False
    given = value if isinstance(value, dict) else {"page_number": 0}
    number, size = given.get("page_number", 1), given.get("page_size", PAGE_SIZE)
    if type(number) is not int or type(size) is not int or not 1 <= number <= 10**6 or size < 1:
        raise Rejected("rjct.pagination.invalid", "page_number and page_size are whole numbers from 1")
    return number, min(size, PAGE_SIZE_MAX), True


def _wanted(criteria: Mapping[str, Any]) -> Wanted:
    kind, query = criteria.get("query_type"), criteria.get("query")
    if kind == "idtype-value":
        return Wanted(identifier_of(query))
    if kind == "predicate":
        return _from_conditions(list(_conditions(query)))
    raise Rejected(_CRITERIA, "query_type is idtype-value or predicate")


def _conditions(query: Any) -> list[tuple[str, str, Any]]:
    if not isinstance(query, list) or not 0 < len(query) <= _CONDITIONS_MAX:
        raise Rejected(_CRITERIA, f"a predicate is a list of at most {_CONDITIONS_MAX} entries")
    found = []
    for entry in query:
        if not isinstance(entry, dict):
            raise Rejected(_CRITERIA, "an entry of a predicate is an object")
        second = entry.get("expression2")
        if entry.get("condition") not in ({"and"} if second is not None else {None, "and"}):
            raise Rejected(_CRITERIA, "conditions are joined by and")
        for expression in [entry.get("expression1"), *([second] if second is not None else [])]:
            if not isinstance(expression, dict):
                raise Rejected(_CRITERIA, "an expression is an object")
            name, operator = expression.get("attribute_name"), expression.get("operator")
            if not isinstance(name, str) or not isinstance(operator, str):
                raise Rejected(_CRITERIA, "an expression has attribute_name and operator")
            found.append((name, operator, expression.get("attribute_value")))
    return found


def _from_conditions(conditions: list[tuple[str, str, Any]]) -> Wanted:
    members = [
        identifier_of({"type": name, "value": value})
        for name, operator, value in conditions
        if name in IDENTIFIER_TYPES and operator == "eq"
    ]
    if len(members) != 1:
        raise Rejected(_CRITERIA, "exactly one member is asked about, by eq")
    wanted = Wanted(members[0])
    for name, operator, value in conditions:
        wanted = _narrowed(wanted, name, operator, value)
    return wanted


def _narrowed(wanted: Wanted, name: str, operator: str, value: Any) -> Wanted:
    match name, operator:
        case (("UIN" | "NSSF_NO"), "eq"):
            return wanted
        case "reference_id", ("eq" | "in"):
            return replace(wanted, reference_ids=_texts(value))
        case "period", "eq" if isinstance(value, str) and _is_short(value):
            return replace(wanted, period=value)
        case "paid_at", "ge":
            return replace(wanted, paid_from=_instant(value))
        case "paid_at", "lt":
            return replace(wanted, paid_before=_instant(value))
    raise Rejected(_CRITERIA, "asked by UIN, NSSF_NO, reference_id, period, paid_at with eq, in, ge, lt")


def _texts(value: Any) -> tuple[str, ...]:
    values = value.split(",") if isinstance(value, str) else value
    if not isinstance(values, list) or len(values) > _VALUES_MAX:
        raise Rejected(_CRITERIA, f"a text or a list of at most {_VALUES_MAX} texts is expected")
    if not all(isinstance(text, str) and _is_short(text) for text in values):
        raise Rejected(_CRITERIA, "a list of texts is expected")
    return tuple(text.strip() for text in values)


def _instant(value: Any) -> datetime:
    read = zoned(value)
    if read is None:
        raise Rejected(_CRITERIA, "an instant with its time zone is expected")
    return read


def _is_short(text: str) -> bool:
    return len(text) <= _VALUE_MAX and "\x00" not in text and text.isprintable()
