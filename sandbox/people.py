"""The people the civil registry knows, as shipped in `people.csv`."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PEOPLE = Path(__file__).with_name("people.csv")


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
    """All of them, by identity number, in the order of the file."""

    by_id: Mapping[str, Person]

    @classmethod
    def shipped(cls) -> Self:
        with PEOPLE.open(encoding="ascii", newline="") as file:
            return cls({row["id"]: Person(**row) for row in csv.DictReader(file)})

    def owner_of(self, msisdn: str) -> Person:
        """Whose name a wallet carries: the same person for the same number, always alive and of age."""
        adults = [
            person
            for person in self.by_id.values()
            if person.status == "alive" and person.birth_date < "2006"
        ]
        return adults[int(msisdn) % len(adults)]
