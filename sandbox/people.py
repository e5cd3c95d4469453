"""The people the civil registries know, as shipped in `people.csv`; papers and programmes beside it."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

DOCUMENTS = Path(__file__).with_name("documents.csv")
ENROLLED = Path(__file__).with_name("enrolled.csv")
PEOPLE = Path(__file__).with_name("people.csv")
DOCUMENT_TYPES = ("REFUGEE_ID", "PASSPORT")
FILES = {"254": PEOPLE, "256": PEOPLE.with_name("people_ug.csv"), "250": PEOPLE.with_name("people_rw.csv")}
"""By calling code."""
_HOME = "254"


@dataclass(frozen=True, slots=True)
class Person:
    """Dates are ISO `YYYY-MM-DD`; `death_date` is empty for the living."""

    id: str
    given_name: str
    second_name: str
    surname: str
    sex: str
    birth_date: str
    death_date: str
    status: str
    county: str

    @property
    def full_name(self) -> str:
        return " ".join(part for part in (self.given_name, self.second_name, self.surname) if part)


@dataclass(frozen=True)
class Directory:
    """All of them by identity number, in the order of the files; those of each country by calling code."""

    by_id: Mapping[str, Person]
    by_country: Mapping[str, Sequence[Person]]
    by_document: Mapping[tuple[str, str], Person] = field(default_factory=dict)
    programme_of: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def shipped(cls) -> Self:
        by_country = {code: _read(path) for code, path in FILES.items()}
        people = {person.id: person for of_one in by_country.values() for person in of_one}
        with DOCUMENTS.open(encoding="ascii", newline="") as file:
            papers = {(row["identifier_type"], row["number"]): row["id"] for row in csv.DictReader(file)}
        with ENROLLED.open(encoding="ascii", newline="") as file:
            enrolled = {row["id"]: row["programme"] for row in csv.DictReader(file)}
        known_by = {paper: people[number] for paper, number in papers.items()}
        return cls(people, by_country, known_by, enrolled)

    def known_by(self, identifier_type: str, value: str) -> Person | None:
        """Whom a document names. KeyError for a type of document that the registry does not keep."""
        if identifier_type == "UIN":
            return self.by_id.get(value)
        if identifier_type not in DOCUMENT_TYPES:
            raise KeyError(identifier_type)
        return self.by_document.get((identifier_type, value))

    def owner_of(self, msisdn: str) -> Person:
        """Whose name a wallet carries: the same person for the same number, always alive and of age."""
        country = next((code for code in self.by_country if msisdn.startswith(code)), _HOME)
        adults = [
            person
            for person in self.by_country[country]
            if person.status == "alive" and person.birth_date < "2006"
        ]
        return adults[int(msisdn) % len(adults)]


def _read(path: Path) -> list[Person]:
    with path.open(encoding="ascii", newline="") as file:
        return [Person(**row) for row in csv.DictReader(file)]
