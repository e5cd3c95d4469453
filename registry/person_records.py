"""People as registries write them, in any of the shapes met in the field, read into one `Person`."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from core.errors import InvalidValue
from registry.connection import Connection
from registry.model import Identifier, Person

_INSIDE = ("person", "demographicinfo", "name", "personname", "member", "personinfo")
_GIVEN = ("givenname", "givennames", "firstname", "firstnames", "given", "forename", "forenames")
_SECOND = ("secondname", "middlename", "middlenames", "othername", "othernames")
_SURNAME = ("surname", "surnames", "lastname", "familyname", "family")
_FULL = ("fullname", "name", "personname")
_BIRTH = ("birthdate", "dateofbirth", "dob")
_DEATH = ("deathdate", "dateofdeath")
_DEAD_FLAGS = ("deceased", "isdeceased", "dead")
_ALIVE_FLAGS = ("alive", "isalive")
_STATES = ("vitalstatus", "lifestatus", "personstatus", "status")
_DEAD_WORDS = frozenset({"dead", "deceased", "died"})
_IDENTIFIERS = ("memberidentifier", "identifier", "identifiers", "personidentifier")
_NAME_MAX = 200
_LEVELS_MAX = 4
_ISO_DATE_CHARACTERS = 10

Facts = Mapping[str, Any]


def read_person(
    record: Mapping[str, Any], asked: Identifier, connection: Connection, looked_up_at: datetime
) -> Person:
    """The person in a record. Raises InvalidValue when it has no name that can be read."""
    facts = _flat(record)
    given = " ".join(part for part in (_words(facts, _GIVEN), _words(facts, _SECOND)) if part)
    surname = _words(facts, _SURNAME)
    if not given and not surname:
        *rest, surname = _words(facts, _FULL).split() or [""]
        given = " ".join(rest)
    if not given and not surname:
        raise InvalidValue("a record without a name")
    return Person(
        identifier=asked,
        given_name=given,
        surname=surname,
        birth_date=_day(_first(facts, _BIRTH)),
        alive=not _is_dead(facts),
        source=connection.name,
        looked_up_at=looked_up_at,
    )


def is_about(record: Mapping[str, Any], asked: Identifier, connection: Connection) -> bool:
    """False when the record names identifiers of the asked type and none is the asked one: someone else's."""
    same_type = [found.value for found in identifiers(record, connection) if found.type == asked.type]
    return not same_type or any(_same(value, asked.value) for value in same_type)


def identifiers(record: Mapping[str, Any], connection: Connection) -> Iterator[Identifier]:
    """All identifiers of a record, whether written `type`/`value` or `identifier_type`/`identifier_value`."""
    # The standard's own spelling is looked for first: thousands of records are read back at a time.
    listed = record.get("member_identifier") or _first(_flat(record), _IDENTIFIERS)
    for entry in listed if isinstance(listed, list) else [listed]:
        if isinstance(entry, dict):
            keys = {_plain(key): value for key, value in entry.items()}
            kind = keys.get("identifiertype", keys.get("type"))
            value = keys.get("identifiervalue", keys.get("value"))
            if isinstance(kind, str) and isinstance(value, str | int):
                yield Identifier(connection.our_name(kind.strip()), str(value).strip())


def _flat(record: Mapping[str, Any]) -> Facts:
    """Spellings made alike, and what lies one or more levels inside brought to the top; the outer one wins.

    Only known containers are opened, so that a mother's name is never taken for the person's.
    """
    facts: dict[str, Any] = {}
    level: list[Mapping[str, Any]] = [record]
    for _ in range(_LEVELS_MAX):
        below: list[Mapping[str, Any]] = []
        for holder in level:
            plain = {_plain(key): value for key, value in holder.items()}
            for key, value in plain.items():
                facts.setdefault(key, value)
            for name in _INSIDE:
                inner = plain.get(name)
                inner = inner[0] if isinstance(inner, list) and inner else inner
                if isinstance(inner, dict):
                    below.append(inner)
        level = below
    return facts


def _plain(key: str) -> str:
    return key.casefold().replace("_", "").replace("-", "")


def _first(facts: Facts, names: tuple[str, ...]) -> Any:
    return next((facts[name] for name in names if facts.get(name) not in (None, "")), None)


def _words(facts: Facts, names: tuple[str, ...]) -> str:
    for name in names:
        value = facts.get(name)
        if isinstance(value, list):
            value = " ".join(part for part in value if isinstance(part, str))
        if isinstance(value, str):
            clean = "".join(letter if letter.isprintable() else " " for letter in value[:_NAME_MAX])
            if clean.strip():
                return " ".join(clean.split())
    return ""


def _day(value: Any) -> date | None:
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value.strip()[:_ISO_DATE_CHARACTERS])
    except ValueError:
        return None


def _is_dead(facts: Facts) -> bool:
    # Anything that speaks of a death counts: a dead person's savings are for survivors to claim, not to open.
    if _first(facts, _DEATH) is not None or any(_is_yes(facts.get(name)) for name in _DEAD_FLAGS):
        return True
    if any(_is_no(facts.get(name)) for name in _ALIVE_FLAGS):
        return True
    return any(str(facts.get(name, "")).strip().casefold() in _DEAD_WORDS for name in _STATES)


def _is_yes(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.strip().casefold() in {"true", "yes", "y", "1"})


def _is_no(value: Any) -> bool:
    return value is False or (
        isinstance(value, str) and value.strip().casefold() in {"false", "no", "n", "0"}
    )


def _same(left: str, right: str) -> bool:
    return left.strip().casefold() == right.strip().casefold()
