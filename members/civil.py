"""The civil registry as members needs it: one question, four kinds of answer."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from members.documents import Document


@dataclass(frozen=True, slots=True)
class PersonFound:
    """Exactly one person has this ID. `source` names the registry, `at` is when it answered."""

    given_names: str
    surname: str
    birth_date: date
    alive: bool
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PersonUnknown:
    """The registry answered: nobody has this ID."""

    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SeveralPersons:
    """The registry answered with more than one person."""

    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RegistryUnavailable:
    """No answer. `retry_seconds`: when the registry asked to be asked again, if it did."""

    reason: str
    retry_seconds: float | None = None


CivilAnswer = PersonFound | PersonUnknown | SeveralPersons | RegistryUnavailable


class CivilRegistry(Protocol):
    """Where a document is looked up. Never raises for what the registry or the network does."""

    def find(self, document: Document) -> CivilAnswer:
        """Ask about one document. Called with no transaction open."""
        ...
