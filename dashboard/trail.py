"""The details of an entry of the audit trail, in words where there are words for them."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboard.catalogue import catalogue, text, word
from dashboard.showing import money

_LONG = 18
# Which groups of words a detail's codes are of; the first that has the code is taken.
_GROUPS: Final = {
    "way": ("sign_in_way",),
    "what": ("sign_in_way",),
    "by": ("found_by",),
    "act": ("act_of_staff",),
    "kind": ("notice_kind", "break_class"),
    "state": ("break_state",),
    "place": ("place",),
    "before": ("role", "status"),
    "after": ("role", "status"),
    "posting": ("payment_state",),
    "break": ("break_state",),
    "topic": ("topic",),
    "form": ("download",),
    "source": ("registry",),
    "scopes": ("scope",),
    "signatures": ("reply_signatures",),
    "doubt": ("doubt",),
    "rested_on": ("claim_why",),
    "age": ("age_bucket",),
    "scope": ("closing_scope",),
}


@dataclass(frozen=True, slots=True)
class Detail:
    """One detail as it is shown; `full` when that is cut short, for whoever points at it."""

    name: str
    shown: str
    full: str


def details_of(details: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Detail]:
    """What says something, in its order. `names`: people's, by actor."""
    for name, value in details.items():
        full = _in_words(name, value, names)
        if full:
            is_code = isinstance(value, str) and full == value
            cut = f"{full[: _LONG - 1]}\N{HORIZONTAL ELLIPSIS}" if is_code and len(full) > _LONG else full
            yield Detail(word("detail", name), cut, full)


def _in_words(name: str, value: Any, names: Mapping[str, str]) -> str:
    match value:
        case None:
            words = ""
        case bool():
            words = text("detail_is.yes" if value else "detail_is.no")
        case dict():
            said = (_in_words(each, known, names) for each, known in value.items() if not _is_id(known))
            words = ", ".join(filter(None, said))
        case list():
            words = ", ".join(filter(None, (_in_words(name, each, names) for each in value)))
        case int():
            words = money(value) if name.endswith("_cents") else f"{value:,}"
        case _:
            words = names.get(str(value)) or _word_of(name, str(value))
    return words


def _word_of(name: str, code: str) -> str:
    groups = _GROUPS.get(name, ())
    return next((word(group, code) for group in groups if f"{group}.{code}" in catalogue()), code)


def _is_id(value: Any) -> bool:
    try:
        uuid.UUID(str(value))
    except ValueError:
        return False
    return True
