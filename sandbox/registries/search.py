"""DCI sync search: query types, predicates, pages, and an answer per item of the batch."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.clock import iso_utc
from sandbox.registries.envelope import AckError, Envelope, RejectedError, has_zone
from sandbox.world import here

Record = dict[str, Any]
Fields = Callable[[Record], Mapping[str, Any]]
PAGE_SIZE_MAX = 200
PAGE_SIZE = 50
OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "lt": operator.lt,
    "ge": operator.ge,
    "le": operator.le,
    "eq": operator.eq,
}


def items_of(envelope: Envelope, field: str) -> list[Mapping[str, Any]]:
    """The batch in the message, as many as the header counts."""
    items = envelope.message.get(field)
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise AckError("err.request.bad", f"message.{field} must be a list of objects")
    if len(items) != envelope.header["total_count"]:
        raise RejectedError(
            "rjct.total_count.invalid", f"total_count is not the number of items, {len(items)}"
        )
    return items


def answer(
    item: Mapping[str, Any], find: Callable[[Mapping[str, Any]], list[Record]], record_type: str
) -> Record:
    """One entry of `search_response`; a refused item says why and does not spoil its neighbours."""
    reference_id = item.get("reference_id")
    head = {"reference_id": str(reference_id or ""), "timestamp": iso_utc(here().clock.now())}
    locale = item.get("locale", "eng")
    try:
        criteria = _criteria(item)
        number, size = _page(criteria)
        found = find(criteria)
    except RejectedError as error:
        reason = {"status_reason_code": error.code, "status_reason_message": str(error)}
        return head | {"status": "rjct"} | reason | {"locale": locale}
    shown = found[(number - 1) * size : number * size]
    data = {
        "version": "1.0.0",
        "reg_type": criteria.get("reg_type", ""),
        "reg_record_type": record_type,
        "reg_records": shown,
    }
    if criteria.get("reg_event_type"):
        data["reg_event_type"] = criteria["reg_event_type"]
    pagination = {"page_size": size, "page_number": number, "total_count": len(found)}
    return head | {"status": "succ", "data": data, "pagination": pagination, "locale": locale}


def _criteria(item: Mapping[str, Any]) -> Mapping[str, Any]:
    reference_id = item.get("reference_id")
    if not isinstance(reference_id, str) or not reference_id:
        raise RejectedError("rjct.reference_id.invalid", "reference_id is required")
    if not has_zone(item.get("timestamp")):
        raise RejectedError("rjct.timestamp.invalid", "timestamp needs a time zone")
    locale = item.get("locale", "eng")
    if not (isinstance(locale, str) and len(locale) == 3 and locale.isalpha() and locale.islower()):  # noqa: PLR2004
        raise RejectedError("rjct.search_criteria.invalid", "locale is three lower-case letters, such as eng")
    criteria = item.get("search_criteria")
    if not isinstance(criteria, dict) or "query" not in criteria:
        raise RejectedError("rjct.search_criteria.invalid", "search_criteria needs query_type and query")
    return criteria


def _page(criteria: Mapping[str, Any]) -> tuple[int, int]:
    wanted = criteria.get("pagination") or {}
    number, size = (
        (wanted.get("page_number", 1), wanted.get("page_size", PAGE_SIZE))
        if isinstance(wanted, dict)
        else (0, 0)
    )
    if not all(
        isinstance(value, int) and not isinstance(value, bool) and value >= 1 for value in (number, size)
    ):
        raise RejectedError("rjct.pagination.invalid", "page_number and page_size start at 1")
    return number, min(size, PAGE_SIZE_MAX)


def identifier(criteria: Mapping[str, Any]) -> tuple[str, str]:
    """Type and value of an `idtype-value` query."""
    query = criteria["query"]
    if not isinstance(query, dict) or not isinstance(query.get("type"), str) or "value" not in query:
        raise RejectedError("rjct.search_criteria.invalid", "query needs type and value")
    return query["type"], str(query["value"])


def predicate(criteria: Mapping[str, Any], fields: Fields) -> Callable[[Record], bool]:
    """A test on records from a `predicate` query: a list of expressions joined by `and`, `or` or `not`."""
    query = criteria["query"]
    if not isinstance(query, list) or not query:
        raise RejectedError("rjct.search_criteria.invalid", "a predicate query is a list")
    entries = sorted(query, key=lambda entry: entry.get("seq_num", 0) if isinstance(entry, dict) else 0)
    tests = [_entry(entry, fields) for entry in entries]
    return lambda record: all(test(record) for test in tests)


def narrowed(criteria: Mapping[str, Any], attribute: str) -> list[str] | None:
    """The only values of `attribute` that a predicate query can match, or None when it does not say.

    For finding candidates by an index: what is found must still pass `predicate`.
    """
    query = criteria["query"]
    for entry in query if isinstance(query, list) else []:
        expression = entry.get("expression1") if isinstance(entry, dict) else None
        if not isinstance(expression, dict) or expression.get("attribute_name") != attribute:
            continue
        if entry.get("condition") not in {None, "and"}:
            continue
        wanted = expression.get("attribute_value")
        if expression.get("operator") == "eq":
            return [str(wanted)]
        if expression.get("operator") == "in" and isinstance(wanted, (list, str)):
            return wanted.split(",") if isinstance(wanted, str) else [str(value) for value in wanted]
    return None


def _entry(entry: Any, fields: Fields) -> Callable[[Record], bool]:
    if not isinstance(entry, dict):
        raise RejectedError("rjct.search_criteria.invalid", "an expression is an object")
    first = _expression(entry.get("expression1"), fields)
    condition, second_text = entry.get("condition"), entry.get("expression2")
    if second_text is None:
        return (lambda record: not first(record)) if condition == "not" else first
    second = _expression(second_text, fields)
    if condition == "or":
        return lambda record: first(record) or second(record)
    if condition == "not":
        return lambda record: first(record) and not second(record)
    if condition == "and":
        return lambda record: first(record) and second(record)
    raise RejectedError("rjct.search_criteria.invalid", "condition is and, or, not")


def _expression(expression: Any, fields: Fields) -> Callable[[Record], bool]:
    if not isinstance(expression, dict):
        raise RejectedError("rjct.search_criteria.invalid", "an expression is an object")
    name, verb, wanted = (expression.get(key) for key in ("attribute_name", "operator", "attribute_value"))
    if verb == "in" and isinstance(wanted, Sequence):
        allowed = wanted.split(",") if isinstance(wanted, str) else [str(value) for value in wanted]
        return lambda record: str(fields(record).get(str(name))) in allowed
    if not isinstance(verb, str) or verb not in OPERATORS:
        raise RejectedError(
            "rjct.search_criteria.invalid", f"operator {verb} is not one of gt lt eq ge le in"
        )
    compare = OPERATORS[verb]
    return lambda record: str(name) in fields(record) and compare(*_alike(fields(record)[str(name)], wanted))


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Both as numbers when both are, otherwise both as text."""
    try:
        return float(left), float(right)
    except (TypeError, ValueError):
        return str(left), str(right)
